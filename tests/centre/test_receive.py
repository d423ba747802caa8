"""C-STORE from another implementation (dcmtk): taken in from a known address, refused from an unknown peer; PDUs are bounded."""

import contextlib
import os
import socket
import subprocess
from pathlib import Path

import pytest

from photopeak.phantom.flood import flood_files
from photopeak_centre.evidence import receive
from photopeak_centre.evidence.models import Item, Sender
from photopeak_centre.hospitals.models import Organisation

STORESCU = Path("/usr/bin/storescu")


@pytest.fixture(scope="module")
def flood(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flood")
    return next(p for p in flood_files(folder, seed=3, matrix=64, counts=2e6) if p.suffix == ".dcm")


def send(port, path):
    if not STORESCU.exists():
        if os.environ.get("CI"):
            pytest.fail("dcmtk must be installed")
        pytest.skip("dcmtk is not installed")
    words = [str(STORESCU), "-aec", "PHOTOPEAK", "127.0.0.1", str(port), str(path)]
    return subprocess.run(words, capture_output=True, timeout=60, check=False).returncode


def test_an_image_from_a_known_address_is_taken_in_and_an_unknown_peer_is_refused(port, flood):
    hospital = Organisation.objects.create(kind="hospital", name_zh="岚溪医院")
    sender = Sender.objects.create(organisation=hospital, address="192.0.2.1")
    assert send(port, flood) != 0
    assert not Item.objects.exists()
    Sender.objects.filter(pk=sender.pk).update(address="127.0.0.1")
    assert send(port, flood) == 0
    assert Item.objects.get().organisation == hospital


def test_a_peer_that_announces_four_gigabytes_is_cut_off(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.sendall(b"\x01\x00\xff\xff\xff\xff" + b"\0" * 1000)
        peer.settimeout(10)
        with contextlib.suppress(ConnectionError):
            assert peer.recv(1) in (b"", b"\x07")


def test_an_ae_title_alone_is_nobody(database):
    hospital = Organisation.objects.create(kind="hospital", name_zh="岚溪医院")
    Sender.objects.create(organisation=hospital, address="192.0.2.1", ae_title="CAMERA")
    assert receive.sender_of("198.51.100.9", None, "CAMERA") is None
    assert receive.sender_of("192.0.2.1", None, "OTHER") is None
    assert receive.sender_of("192.0.2.1", b"certificate", "CAMERA") is None
    assert receive.sender_of("192.0.2.1", None, "CAMERA").organisation == hospital
