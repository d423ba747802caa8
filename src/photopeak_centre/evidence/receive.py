"""The DICOM receiver: C-STORE and C-ECHO in a process of its own with bounded memory, each peer known by certificate or address.

Success is answered only after the image is on the disk and in the database.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from django.db import connection
from django.utils import timezone

from photopeak_centre.evidence.intake import take
from photopeak_centre.evidence.models import HandIn, Sender

logger = logging.getLogger(__name__)
P, T = ParamSpec("P"), TypeVar("T")
MEMORY_BYTES = 4 * 2**30
LARGEST_PDU = 2**18  #: what we offer; a peer that announces more than this and some room is cut off
LARGEST_OBJECT = 2**30
HANDSHAKE_S, SILENT_S = 10.0, 60.0  #: how long a peer may take over its TLS handshake; how long it may say nothing
MOST_CONNECTIONS = 200
THREAD_STACK_BYTES = 2**21
SUCCESS, OUT_OF_RESOURCES, REFUSED, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0x0124, 0xC000


def sender_of(address: str, certificate: bytes | None, ae_title: str) -> Sender | None:
    """The one active sender whose certificate or address this is; the AE title can only narrow, never admit."""
    found = Sender.objects.filter(active=True)
    if certificate is not None:
        found = found.filter(certificate_sha256=hashlib.sha256(certificate).hexdigest())
    else:
        found = found.filter(address=address, certificate_sha256="")
    fitting = [one for one in found if not one.ae_title or one.ae_title == ae_title]
    return fitting[0] if len({one.organisation_id for one in fitting}) == 1 else None


def _sender(event: Any) -> Sender | None:
    association = event.assoc
    socket = association.dul.socket.socket
    certificate = socket.getpeercert(binary_form=True) if isinstance(socket, ssl.SSLSocket) else None
    asked = association.requestor.primitive  # the title is known from the request, before it is negotiated
    title = asked.calling_ae_title if asked is not None else association.requestor.ae_title
    return sender_of(association.requestor.address, certificate, (title or "").strip())


def _database_given_back(handler: Callable[P, T]) -> Callable[P, T]:
    """Close the thread's database connection after the handler: an association's threads end without telling Django."""

    @functools.wraps(handler)
    def handled(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return handler(*args, **kwargs)
        finally:
            connection.close()

    return handled


class Receiver:
    """Handlers of one server. A hand-in is opened per association."""

    def __init__(self) -> None:
        self.hand_ins: dict[Any, HandIn] = {}
        self.lock = threading.Lock()

    @_database_given_back
    def requested(self, event: Any) -> None:
        """Reject an association whose peer is nobody."""
        if _sender(event) is None:
            logger.warning("rejected a peer at %s", event.assoc.requestor.address)
            event.assoc.acse.send_reject(0x01, 0x01, 0x01)
            event.assoc.kill()

    @_database_given_back
    def store(self, event: Any) -> int:
        try:
            sender = _sender(event)
            if sender is None:
                return REFUSED
            data = event.encoded_dataset()
            if len(data) > LARGEST_OBJECT:
                return OUT_OF_RESOURCES
            take(self._hand_in(event.assoc, sender), data, f"{len(data)}.dcm")
            return SUCCESS
        except (OSError, MemoryError):
            logger.exception("store")
            return OUT_OF_RESOURCES
        except Exception:
            logger.exception("store")
            return CANNOT_UNDERSTAND

    def _hand_in(self, association: Any, sender: Sender) -> HandIn:
        with self.lock:
            if association not in self.hand_ins:
                opened = HandIn.objects.create(organisation_id=sender.organisation_id, route="dicom")
                self.hand_ins[association] = opened
            return self.hand_ins[association]

    @_database_given_back
    def ended(self, event: Any) -> None:
        with self.lock:
            hand_in = self.hand_ins.pop(event.assoc, None)
        if hand_in is not None:
            HandIn.objects.filter(pk=hand_in.pk).update(closed=timezone.now())


def bound_the_transport() -> None:
    """What pynetdicom leaves open: a PDU announced as 4 GB, a peer that never ends its handshake, one that stops in mid-sentence.

    The first would be read into memory, the second would hold up everybody else, the third would keep its thread for ever.
    """
    from pynetdicom import transport

    transport.AssociationSocket.recv = _recv  # type: ignore[method-assign]
    transport.AssociationServer.get_request = _get_request  # type: ignore[method-assign]
    transport.ThreadedAssociationServer.process_request_thread = _in_thread  # type: ignore[method-assign]
    transport.ThreadedAssociationServer.request_queue_size = MOST_CONNECTIONS
    threading.stack_size(THREAD_STACK_BYTES)


def _recv(self: Any, nr_bytes: int) -> bytearray:
    """Read as many bytes as were announced, unless that is more than a PDU may have."""
    if nr_bytes > 2 * LARGEST_PDU:
        raise OSError("the peer announced a PDU longer than allowed")
    read = bytearray()
    while len(read) < nr_bytes:
        part = self.socket.recv(min(65536, nr_bytes - len(read)))
        if not part:
            break
        read += part
    return read


def _get_request(self: Any) -> tuple[socket.socket, Any]:
    """Accept; the TLS handshake is left to the connection's own thread."""
    client, address = self.socket.accept()
    client.settimeout(SILENT_S)
    if self.ssl_context:
        client = self.ssl_context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
    return client, address


_shaking_hands = threading.BoundedSemaphore(MOST_CONNECTIONS)


def _in_thread(self: Any, request: Any, address: Any) -> None:
    """One connection: handshake, then the association's own threads; a peer that fails it is told nothing."""
    if len(self.active_associations) >= MOST_CONNECTIONS or not _shaking_hands.acquire(blocking=False):
        self.shutdown_request(request)
        return
    try:
        if isinstance(request, ssl.SSLSocket):
            request.settimeout(HANDSHAKE_S)
            request.do_handshake()
            request.settimeout(SILENT_S)
        self.finish_request(request, address)
    except OSError as fault:
        logger.warning("a peer at %s did not get through: %s", address[0], fault)
        self.shutdown_request(request)
    except Exception:
        logger.exception("a connection")
        self.shutdown_request(request)
    finally:
        _shaking_hands.release()


def limit_memory() -> None:
    if os.name != "nt":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def tls_context(certificate: Path, key: Path, authorities: Path) -> ssl.SSLContext:
    """TLS that demands the peer's certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authorities))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(str(certificate), str(key))
    return context


def serve(host: str, port: int, ae_title: str, tls: ssl.SSLContext | None, *, block: bool = True) -> Any:
    """Listen until the process ends."""
    from pynetdicom import AE, AllStoragePresentationContexts, evt
    from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

    bound_the_transport()
    entity, receiver = AE(ae_title=ae_title), Receiver()
    entity.maximum_pdu_size = LARGEST_PDU
    entity.maximum_associations = 20
    entity.network_timeout, entity.acse_timeout, entity.dimse_timeout = 60, 15, 60
    entity.require_called_aet = True
    syntaxes = [
        "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.5",
        "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90",
    ]  # fmt: skip
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(context.abstract_syntax, syntaxes)
    entity.add_supported_context(Verification)
    handlers = [
        (evt.EVT_REQUESTED, receiver.requested),
        (evt.EVT_C_STORE, receiver.store),
        (evt.EVT_RELEASED, receiver.ended),
        (evt.EVT_ABORTED, receiver.ended),
        (evt.EVT_CONN_CLOSE, receiver.ended),
    ]
    return entity.start_server((host, port), block=block, evt_handlers=handlers, ssl_context=tls)


def end(server: Any, within_s: float = 5.0) -> None:
    """Take no more associations, let those at work end, cut off the rest."""
    server.shutdown()
    deadline = time.monotonic() + within_s
    while server.active_associations and time.monotonic() < deadline:
        time.sleep(0.05)
    for association in server.active_associations:
        association.abort()
