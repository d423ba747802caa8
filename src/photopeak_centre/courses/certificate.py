"""The certificate of a course, typeset."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from photopeak.present.pdf import _compiler
from photopeak.present.quick_response import quick_response
from photopeak.words import Language


@cache
def _template() -> bytes:
    return (Path(__file__).parent / "certificate.typ").read_bytes()


def certificate_pdf(certified: dict[str, Any], digest: str, address: str, language: Language) -> bytes:
    """One page, A4 across, as bytes. The QR code holds the address of the page that checks it, with number and hash."""
    place = f"{address}?{urlencode({'number': certified['number'], 'hash': digest[:24]})}"
    document = {**certified, "language": language, "hash": digest, "qr": quick_response(place), "address": address}
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    made: Any = _compiler().compile(_template(), sys_inputs={"document": text}, format="pdf")
    return bytes(made)
