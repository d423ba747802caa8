"""C-STORE over TLS from another implementation (dcmtk): the certificate says which hospital sends; nobody else gets in."""

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from photopeak.phantom.flood import flood_files
from photopeak_centre.evidence import receive, store
from photopeak_centre.evidence.models import HandIn, Item, Sender
from photopeak_centre.hospitals.models import Organisation

STORESCU = Path("/usr/bin/storescu")  # a virtual environment may hold another program of that name


def needs(found, what):
    if not found:
        if os.environ.get("CI"):
            pytest.fail(f"{what} must be installed")
        pytest.skip(f"{what} is not installed")


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60)


class Authority:
    """Certificates made for the test: one authority, and a key with a certificate for each name asked for."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", f"/CN={name}",
            "-keyout", self.key, "-out", self.certificate,
        )  # fmt: skip

    def issue(self, name):
        key, request, certificate = (self.folder / f"{self.name}-{name}.{end}" for end in ("key", "csr", "pem"))
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", 2,
            "-out", certificate,
        )  # fmt: skip
        return certificate, key


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    needs(shutil.which("openssl"), "openssl")
    needs(STORESCU.exists(), "dcmtk")
    return Authority(tmp_path_factory.mktemp("authority"), "region")


@pytest.fixture(scope="module")
def centre_certificate(authority):
    return authority.issue("127.0.0.1")


@pytest.fixture(scope="module")
def camera(authority):
    return authority.issue("camera")


@pytest.fixture
def port(committed, authority, centre_certificate):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    tls = receive.tls_context(*centre_certificate, authority.certificate)
    server = receive.serve("127.0.0.1", number, "PHOTOPEAK", tls, block=False)
    yield number
    server.shutdown()


@pytest.fixture(scope="module")
def flood(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flood")
    return next(p for p in flood_files(folder, seed=3, matrix=64, counts=2e6) if p.suffix == ".dcm")


def send(port, path, *tls):
    words = [str(STORESCU), *map(str, tls), "-to", "20", "-aec", "PHOTOPEAK", "127.0.0.1", str(port), str(path)]
    return subprocess.run(words, capture_output=True, timeout=60, check=False).returncode


def with_certificate(authority, certificate, key):
    return "+tls", key, certificate, "+cf", authority.certificate


def fingerprint(certificate):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest()


def bound(certificate, name="岚溪医院", **more):
    hospital = Organisation.objects.create(kind="hospital", name_zh=name)
    Sender.objects.create(organisation=hospital, certificate_sha256=fingerprint(certificate), **more)
    return hospital


def test_an_image_from_a_bound_certificate_is_taken_in_for_its_hospital(port, authority, camera, flood):
    hospital = bound(camera[0])
    bound(authority.issue("neighbour")[0], "望湖医院")
    assert send(port, flood, *with_certificate(authority, *camera)) == 0
    item = Item.objects.get()
    assert item.organisation == hospital
    assert len(store.read(item.blob_id)) > 64 * 64
    deadline = time.monotonic() + 10
    while HandIn.objects.get().closed is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert HandIn.objects.get().closed is not None


def test_a_certificate_of_the_same_authority_that_is_bound_to_nobody_is_refused(port, authority, camera, flood):
    bound(camera[0])
    assert send(port, flood, *with_certificate(authority, *authority.issue("stranger"))) != 0
    assert not Item.objects.exists()


def test_a_certificate_of_another_authority_is_refused_even_where_its_name_is_right(port, authority, flood, tmp_path):
    other = Authority(tmp_path, "other")
    certificate, key = other.issue("camera")
    bound(certificate)  # bound by mistake: the authority still has to have signed it
    assert send(port, flood, "+tls", key, certificate, "+cf", authority.certificate) != 0
    assert not Item.objects.exists()


def test_a_peer_that_shows_no_certificate_is_refused(port, authority, camera, flood):
    bound(camera[0])
    assert send(port, flood, "+tla", "+cf", authority.certificate) != 0
    assert not Item.objects.exists()


def test_a_plain_peer_is_refused_on_the_tls_port_even_from_a_known_address(port, authority, camera, flood):
    hospital = bound(camera[0])
    Sender.objects.create(organisation=hospital, address="127.0.0.1")
    assert send(port, flood) != 0
    assert not Item.objects.exists()
    assert send(port, flood, *with_certificate(authority, *camera)) == 0  # and the next good one is served


def test_the_ae_title_narrows_a_certificate(port, authority, camera, flood):
    sender = bound(camera[0], ae_title="SPECT1").senders.get()
    assert send(port, flood, *with_certificate(authority, *camera)) != 0
    assert send(port, flood, *with_certificate(authority, *camera), "-aet", "SPECT1") == 0
    assert Item.objects.get().organisation == sender.organisation


def test_a_certificate_withdrawn_is_nobody(port, authority, camera, flood):
    bound(camera[0])
    Sender.objects.update(active=False)
    assert send(port, flood, *with_certificate(authority, *camera)) != 0
    assert not Item.objects.exists()


def test_peers_that_never_end_their_handshake_hold_up_nobody(port, authority, camera, flood):
    bound(camera[0])
    silent = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(50)]
    try:
        silent[0].sendall(b"\x16\x03\x01")
        began = time.monotonic()
        assert send(port, flood, *with_certificate(authority, *camera)) == 0
        assert time.monotonic() - began < receive.HANDSHAKE_S
    finally:
        for one in silent:
            one.close()


def test_with_some_of_the_three_files_nothing_is_served_in_the_clear(centre_certificate):
    from typer.testing import CliRunner

    from photopeak_centre import command

    certificate, key = centre_certificate
    answer = CliRunner().invoke(command.app, ["receive", "--certificate", str(certificate), "--key", str(key), "--port", "1"])
    assert answer.exit_code == 2
    assert "--ca" in answer.output
