"""The chain: any alteration is found, the first bad entry named; erasing personal words leaves it whole."""

import random

import pytest
from django.db import connection

from photopeak_centre.audit.chain import record, verify_chain
from photopeak_centre.audit.models import ChainHead, Detail, Entry

FIELDS = ("at", "act", "about", "hash", "previous", "detail_hash")


@pytest.fixture
def chain(database):
    for n in range(60):
        record("did", f"thing {n}", organisation=1, words=f"名 {n}")
    return 60


def test_a_chain_that_nobody_touched_is_whole(chain):
    state = verify_chain()
    assert (state.entries, state.broken_at, state.erased) == (chain, None, 0)


@pytest.mark.parametrize("field", FIELDS)
def test_an_altered_entry_is_found_and_named(chain, field):
    number = random.Random(field).randint(1, chain)
    Entry.objects.filter(number=number).update(**{field: "f" * 32})
    assert verify_chain().broken_at == number


def test_altered_words_are_found(chain):
    Detail.objects.filter(pk=7).update(content={"words": "other"})
    assert verify_chain().broken_at == 7


def test_a_removed_entry_is_found(chain):
    Detail.objects.filter(pk=30).delete()
    Entry.objects.filter(number=30)._raw_delete("default")
    assert verify_chain().broken_at == 30


def test_two_exchanged_entries_are_found(chain):
    with connection.cursor() as cursor:
        for old, new in ((10, 1000), (11, 10), (1000, 11)):
            cursor.execute("UPDATE audit_detail SET entry_id = NULL WHERE 1 = 0")
            Detail.objects.filter(pk=old).delete()
            cursor.execute("UPDATE audit_entry SET number = %s WHERE number = %s", [new, old])
    assert verify_chain().broken_at == 10


def test_a_cut_tail_is_found_by_the_head_and_by_an_anchor(chain):
    last = Entry.objects.get(number=chain)
    Detail.objects.filter(pk=chain).delete()
    Entry.objects.filter(number=chain)._raw_delete("default")
    assert verify_chain().broken_at == chain
    before = Entry.objects.get(number=chain - 1)
    ChainHead.objects.update(number=chain - 1, hash=before.hash)
    assert verify_chain().broken_at is None
    assert verify_chain(anchor=last.hash).broken_at == chain


def test_personal_words_can_be_erased_without_breaking_the_chain(chain):
    Detail.objects.filter(pk=5).delete()
    state = verify_chain()
    assert (state.broken_at, state.erased) == (None, 1)


def test_an_entry_is_neither_changed_nor_deleted(chain):
    entry = Entry.objects.get(number=3)
    with pytest.raises(TypeError):
        entry.save()
    with pytest.raises(TypeError):
        entry.delete()
