"""What was kept long enough is really deleted, with an audit entry; everything else stays readable; persons can be erased."""

import datetime
import json

import pytest
from django.utils import timezone

from cast import centre, hospital, make_cast, person
from photopeak_centre.accounts.erase import erase
from photopeak_centre.accounts.models import Person
from photopeak_centre.audit.chain import record, verify_chain
from photopeak_centre.audit.models import Detail, Entry
from photopeak_centre.checks.models import Judgement, Measurement, Result
from photopeak_centre.evidence import store
from photopeak_centre.evidence.models import Blob, HandIn, Held, Item, Study
from photopeak_centre.evidence.retention import delete_what_was_kept_long_enough, years_before
from photopeak_centre.jobs.models import Job
from photopeak_centre.jobs.queue import enqueue

pytestmark = pytest.mark.usefixtures("database")


def aged(study, years):
    """The study with its files as if handed in so long ago."""
    then = timezone.now() - datetime.timedelta(days=366 * years)
    Study.objects.filter(pk=study.pk).update(first_received=then)
    Item.objects.filter(study=study).update(at=then)


def with_file(study, data):
    blob = store.keep(data)
    item = study.items.get()
    Item.objects.filter(pk=item.pk).update(blob=blob)
    return store.place_of(blob.pk)


def test_files_older_than_the_hospitals_years_are_deleted_and_the_results_stay():
    cast = make_cast()
    ours, theirs = cast.a.organisation, cast.b.organisation
    ours.keep_evidence_years, theirs.keep_evidence_years = 3, 10
    ours.save()
    theirs.save()
    places = [with_file(h.things["study"], f"image of {n}".encode()) for n, h in enumerate((cast.a, cast.b))]
    for one in (cast.a, cast.b):
        aged(one.things["study"], 5)
    before = [model.objects.count() for model in (Result, Measurement, Judgement)]

    found = delete_what_was_kept_long_enough()

    assert (found.studies, found.files) == (1, 1)
    assert [place.exists() for place in places] == [False, True]
    assert not Item.objects.filter(study=cast.a.things["study"]).exists()
    assert not Blob.objects.filter(pk=places[0].name).exists()
    assert Study.objects.get(pk=cast.a.things["study"].pk).evidence_deleted is not None
    assert [model.objects.count() for model in (Result, Measurement, Judgement)] == before
    assert store.damaged() == []
    entry = Entry.objects.get(act="evidence deleted after its years")
    assert (entry.organisation, entry.detail.content["studies"]) == (ours.pk, [cast.a.things["study"].pk])
    assert verify_chain().broken_at is None
    assert delete_what_was_kept_long_enough().studies == 0


def test_a_file_that_another_study_or_hospital_still_keeps_stays():
    cast = make_cast()
    places = {with_file(h.things["study"], b"the same image in both") for h in (cast.a, cast.b)}
    cast.a.organisation.keep_evidence_years = 1
    cast.a.organisation.save()
    aged(cast.a.things["study"], 2)
    found = delete_what_was_kept_long_enough()
    assert (found.studies, found.files) == (1, 0)
    (place,) = places
    assert place.exists()


def test_a_picture_that_a_result_shows_stays():
    cast = make_cast()
    drawing = cast.a.things["drawing"]
    Item.objects.filter(study=cast.a.things["study"]).update(blob=drawing.pixels_id)
    cast.a.organisation.keep_evidence_years = 1
    cast.a.organisation.save()
    aged(cast.a.things["study"], 2)
    assert delete_what_was_kept_long_enough().studies == 1
    assert store.read(drawing.pixels_id)


def test_a_study_that_is_being_checked_or_got_a_file_lately_stays():
    cast = make_cast()
    for one in (cast.a, cast.b):
        one.organisation.keep_evidence_years = 1
        one.organisation.save()
        aged(one.things["study"], 2)
    Job.objects.filter(pk=cast.a.things["job"].pk).update(state="waiting")
    Item.objects.filter(study=cast.b.things["study"]).update(at=timezone.now())
    assert delete_what_was_kept_long_enough().studies == 0


def test_no_check_is_asked_for_where_the_files_are_gone_until_they_come_again(tmp_path):
    from photopeak.phantom.flood import flood_files
    from photopeak_centre.evidence.intake import take

    place = hospital("Aaa", "岚溪医院", person("inspector", centre())).organisation
    path = next(p for p in flood_files(tmp_path, seed=3, matrix=64, counts=2e6) if p.suffix == ".dcm")
    first = HandIn.objects.create(organisation=place, route="form")
    assert take(first, path.read_bytes(), "flood.dcm") == "taken"
    study = Study.objects.get(organisation=place, items__name="flood.dcm")
    Job.objects.filter(study=study).update(state="done")
    place.keep_evidence_years = 1
    place.save()
    aged(study, 2)
    delete_what_was_kept_long_enough()
    study.refresh_from_db()
    enqueue(study)
    assert not Job.objects.filter(study=study, state="waiting").exists()
    assert take(first, path.read_bytes(), "flood.dcm") == "taken"
    study.refresh_from_db()
    assert study.evidence_deleted is None
    assert Job.objects.filter(study=study, state="waiting").exists()
    assert store.read(study.items.get().blob_id) == path.read_bytes()


def test_held_files_go_when_settled_and_when_nobody_settles_one_with_a_patient():
    cast = make_cast()
    settled, late, conflict = cast.a.things["held"], cast.b.things["held"], None
    blobs = [store.keep(f"held {n}".encode()) for n in range(3)]
    conflict = Held.objects.create(
        organisation=cast.b.organisation, hand_in=cast.b.things["hand_in"], kind="conflict", code="conflict", blob=blobs[2]
    )
    Held.objects.filter(pk=settled.pk).update(blob=blobs[0], settled="discarded")
    long_ago = timezone.now() - datetime.timedelta(days=91)
    Held.objects.filter(pk__in=[late.pk, conflict.pk]).update(at=long_ago)
    Held.objects.filter(pk=late.pk).update(blob=blobs[1])
    assert delete_what_was_kept_long_enough().held == 2
    assert [store.place_of(blob.pk).exists() for blob in blobs] == [False, False, True]
    late.refresh_from_db()
    assert (late.settled, late.blob, late.name) == ("discarded", None, "")
    assert Entry.objects.filter(act="files held back deleted").count() == 2


def test_old_words_of_the_audit_log_are_erased_and_the_chain_stays_whole():
    cast = make_cast()
    entry = record("did", "thing 1", organisation=cast.a.organisation.pk, words="a name in it")
    recent = record("did", "thing 2", organisation=cast.a.organisation.pk, words="recent")
    cast.a.organisation.keep_evidence_years = 1
    cast.a.organisation.save()
    later = timezone.now() + datetime.timedelta(days=367)
    assert delete_what_was_kept_long_enough(later).words >= 2
    assert not Detail.objects.filter(pk__in=[entry.pk, recent.pk]).exists()
    state = verify_chain()
    assert state.broken_at is None
    assert state.erased >= 2


def test_a_person_is_erased_and_the_log_keeps_only_a_number():
    place = centre()
    someone = person("hospital_physicist", place, "wang.xiaoming")
    someone.name_zh, someone.name_en = "王晓明", "Wang Xiaoming"
    someone.save()
    record("added", f"person {someone.pk}", name="王晓明", username="wang.xiaoming")
    record("handed in", "hand-in 1", person=someone, files=3)
    assert erase(someone, by=None) == 1
    kept = json.dumps(list(Person.objects.values("username", "name_zh", "name_en")), ensure_ascii=False)
    kept += json.dumps(list(Detail.objects.values_list("content", flat=True)), ensure_ascii=False)
    assert "王晓明" not in kept
    assert "iaoming" not in kept
    assert Entry.objects.filter(person=someone.pk, act="handed in").exists()
    assert verify_chain().broken_at is None
    someone.refresh_from_db()
    assert not someone.is_active
    assert not someone.has_usable_password()


@pytest.mark.parametrize(
    ("moment", "years", "before"),
    [("2028-02-29", 1, "2027-02-28"), ("2028-02-29", 4, "2024-02-29"), ("2026-11-26", 10, "2016-11-26")],
)
def test_years_are_years_of_the_calendar(moment, years, before):
    read = datetime.datetime.fromisoformat
    assert years_before(read(moment), years) == read(before)
