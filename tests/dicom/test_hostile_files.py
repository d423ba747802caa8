"""Three hundred files damaged on purpose: none ends the process or keeps it, and each is evidence or listed with a code.

The files are read in a process of their own under a limit of memory, with a guard against hanging; it prints one line a file.
"""

from __future__ import annotations

import io
import json
import random
import resource
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from photopeak.dicom.gather import gather
from photopeak.dicom.unusable import SENTENCES
from photopeak.phantom.as_dicom import write_planar, write_volume

HANG_GUARD_S = 600
MEMORY_LIMIT = 3 * 2**30
Damage = Callable[[random.Random, bytes], bytes]

ABSURD = (0, 1, 3, 0x7FFF, 0xFFFF)
#: what is read from the header: tags, as little-endian bytes, of the elements worth lying about
SIZES = [struct.pack("<HH", 0x28, e) for e in (0x02, 0x08, 0x10, 0x11, 0x30, 0x100, 0x101, 0x102, 0x103)]
SEQUENCE_UNDEFINED = b"\x10\x00\x10\x10SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"


def originals(folder: Path) -> list[bytes]:
    """A planar object, a PET and a CT slice, a reconstruction, and the planar one in three other encodings."""
    noise = np.random.default_rng(12)
    write_planar(folder / "nm.dcm", noise.poisson(50, (2, 32, 32)), pixel_mm=(4.0, 4.0), detectors=[1, 2])
    (pet,) = write_volume(folder / "pt", noise.gamma(4, 1000, (1, 32, 32)), spacing_mm=(3.0, 2.0, 2.0))
    (ct,) = write_volume(folder / "ct", noise.normal(0, 10, (1, 32, 32)), spacing_mm=(3.0, 2.0, 2.0), modality="CT")
    (spect,) = write_volume(folder / "nm", noise.poisson(50, (8, 16, 16)), spacing_mm=(4.0, 4.0, 4.0), modality="NM")
    found = [path.read_bytes() for path in (folder / "nm.dcm", pet, ct, spect)]
    for syntax in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"):
        dataset = pydicom.dcmread(folder / "nm.dcm")
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
        found.append(_written(dataset, implicit_vr=syntax == "1.2.840.10008.1.2"))
    dataset = pydicom.dcmread(folder / "nm.dcm")
    dataset.compress(pydicom.uid.RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    return [*found, _written(dataset)]


def _written(dataset: pydicom.Dataset, implicit_vr: bool = False) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, implicit_vr=implicit_vr, little_endian=True)
    return buffer.getvalue()


def flipped_bits(chance: random.Random, data: bytes) -> bytes:
    """Bits anywhere, or in the header alone."""
    changed = bytearray(data)
    end = len(data) if chance.random() < 0.3 else min(len(data), 2200)
    for _ in range(chance.choice([1, 3, 10, 100])):
        changed[chance.randrange(128, end)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def truncated(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def _elements(data: bytes) -> list[int]:
    """Where elements begin that pydicom finds, nested ones left out."""
    dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    found = [element.value_tell - 8 for element in dataset._dict.values() if getattr(element, "value_tell", 0)]
    return [at for at in found if 128 < at < len(data) - 8]


def swapped_tags(chance: random.Random, data: bytes) -> bytes:
    places = _elements(data)
    changed = bytearray(data)
    for _ in range(chance.choice([1, 2, 5])):
        one, other = chance.sample(places, 2)
        changed[one : one + 4], changed[other : other + 4] = changed[other : other + 4], changed[one : one + 4]
    return bytes(changed)


def absurd_sizes(chance: random.Random, data: bytes) -> bytes:
    """Rows, columns, frames and bits that cannot be."""
    changed = bytearray(data)
    for tag in chance.sample(SIZES, chance.choice([1, 2])):
        at = data.find(tag + b"US")
        if at > 0:
            changed[at + 8 : at + 10] = struct.pack("<H", chance.choice(ABSURD))
        at = data.find(tag + b"IS")
        if at > 0:
            changed[at + 8 : at + 10] = chance.choice([b"-1", b"0 ", b"99", b"1\\", b"e9"])
    return bytes(changed)


def absurd_lengths(chance: random.Random, data: bytes) -> bytes:
    """An element that says it is enormous, or goes on for ever."""
    changed = bytearray(data)
    at = chance.choice(_elements(data))
    changed[at + 4 : at + 8] = chance.choice(
        [b"\xff\xff\xff\xff", b"UN\xff\xff", b"SQ\x00\x00", b"\xff\xff\xff\x7f", b"OW\x00\x00"]
    )
    return bytes(changed)


def overwritten(chance: random.Random, data: bytes) -> bytes:
    """A stretch of the file replaced by another part of it, or by noise."""
    changed = bytearray(data)
    length = chance.choice([4, 40, 400])
    to, source = chance.randrange(128, len(data) - length), chance.randrange(128, len(data) - length)
    changed[to : to + length] = data[source : source + length] if chance.random() < 0.5 else chance.randbytes(length)
    return bytes(changed)


DAMAGES: tuple[Damage, ...] = (flipped_bits, truncated, swapped_tags, absurd_sizes, absurd_lengths, overwritten)


def attacks(planar: bytes, deflated: bytes) -> dict[str, bytes]:
    """Files made to exhaust time, memory or the stack."""
    at = planar.index(b"\x20\x00\x0d\x00UI")
    head, tail = planar[:at], planar[at:]
    meta = 132 + 12 + int.from_bytes(deflated[140:144], "little")
    defined = b""
    for _ in range(400):
        defined = (
            b"\x10\x00\x10\x10SQ\x00\x00"
            + struct.pack("<I", len(defined) + 8)
            + b"\xfe\xff\x00\xe0"
            + struct.pack("<I", len(defined))
            + defined
        )
    few = b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * 30_000
    items = b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * 300_000
    detectors = planar.index(b"\x54\x00\x22\x00SQ")
    zeros = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = zeros.compress(bytes(200 * 2**20)) + zeros.flush()
    vector = b"\x54\x00\x20\x00" + b"UN\x00\x00" + struct.pack("<I", 2_000_000) + b"\x01\x00" * 1_000_000
    digits = b"\x28\x00\x30\x00UN\x00\x00" + struct.pack("<I", 1_000_000) + b"1" * 1_000_000
    return {
        "400 sequences of undefined length": head + SEQUENCE_UNDEFINED * 400 + tail,
        "400 closed sequences of undefined length": head
        + SEQUENCE_UNDEFINED * 400
        + b"\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00" * 400
        + tail,
        "400 sequences of defined length": head + defined + tail,
        "400 sequences in the detectors": planar[:detectors]
        + defined.replace(b"\x10\x00\x10\x10SQ", b"\x54\x00\x22\x00SQ")
        + planar[detectors:],
        "5000 sequences": head + SEQUENCE_UNDEFINED * 5000 + tail,
        "deflate bomb": deflated[:meta] + bomb,
        "deflate cut": deflated[: meta + 100],
        "a million empty elements": head + b"\x11\x00\x10\x10UN\x00\x00\x00\x00\x00\x00" * 1_000_000 + tail,
        "300000 frames described": planar.replace(
            b"\x54\x00\x11\x00US", b"\x00\x52\x30\x92SQ\x00\x00" + struct.pack("<I", len(items)) + items + b"\x54\x00\x11\x00US"
        ),
        "30000 detectors": planar[:detectors]
        + b"\x54\x00\x22\x00SQ\x00\x00"
        + struct.pack("<I", len(few))
        + few
        + b"\x55\x00\x23\x00"
        + planar[detectors + 4 :],
        "300000 items": planar[:detectors]
        + b"\x54\x00\x22\x00SQ\x00\x00"
        + struct.pack("<I", len(items))
        + items
        + planar[detectors:],
        "300000 items without end": head + b"\x10\x00\x10\x10SQ\x00\x00\xff\xff\xff\xff" + items + tail,
        "a vector of a million": planar.replace(b"\x54\x00\x20\x00US", vector + b"\x54\x00\x20\x01US"),
        "an element of four gigabytes": head + b"\x11\x00\x10\x10UN\x00\x00\xfe\xff\xff\xff" + tail,
        "nothing but a preamble": bytes(128) + b"DICM",
        "a program in the preamble": b"MZ\x90\x00" + planar[4:],
        "a number of a million digits": planar.replace(b"\x28\x00\x30\x00DS", digits + b"\x28\x00\x31\x01DS", 1),
    }


def hostile_files(folder: Path) -> dict[str, bytes]:
    """300 files damaged by chance, in `damaged/`, and those made on purpose, in `attacks/`."""
    (folder / "originals").mkdir(parents=True)
    sources = originals(folder / "originals")
    found = {}
    for seed in range(300):
        damage = DAMAGES[seed % len(DAMAGES)]
        data = damage(random.Random(seed), sources[seed // len(DAMAGES) % len(sources)])
        found[f"damaged/{seed:03d} {damage.__name__}"] = data
    return found | {f"attacks/{name}": data for name, data in attacks(sources[0], sources[5]).items()}


def main(folder: Path) -> None:
    """Read every file of `folder` alone, then the damaged ones together; one JSON line each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    for path in [*sorted(folder.glob("*/*")), folder / "damaged"]:
        start = time.perf_counter()
        found = gather([path])
        line = {
            "name": path.name,
            "seconds": time.perf_counter() - start,
            "codes": [one.code for one in found.unread],
            "files": sorted({file.path for one in found.evidence for file in one.files} | {one.path for one in found.unread}),
            "copies": sum(
                int(words.en.split()[0]) for one in found.evidence for code, words in one.remarks if code == "duplicate_file"
            ),
            "peak_mib": peak_mib(),
        }
        print(json.dumps(line), flush=True)


def peak_mib() -> int:
    """Of this program alone: `ru_maxrss` would still count what the test runner held when it began this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    raise OSError("no VmHWM")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    folder = tmp_path_factory.mktemp("hostile")
    for name, data in hostile_files(folder).items():
        path = folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    finished = subprocess.run(
        [sys.executable, __file__, str(folder / "files")], capture_output=True, text=True, timeout=HANG_GUARD_S, check=False
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert finished.stderr == ""
    return [json.loads(line) for line in finished.stdout.splitlines()]


def test_every_damaged_file_is_evidence_or_listed_with_a_code(outcome: list[dict]) -> None:
    *alone, together = outcome
    assert len(alone) >= 300
    for line in alone:
        assert len(line["files"]) == 1, line["name"]
        assert set(line["codes"]) <= set(SENTENCES)
    assert sum(bool(line["codes"]) for line in alone) > 150
    assert len(together["files"]) + together["copies"] == 300


def test_every_attack_is_refused_or_harmless(outcome: list[dict]) -> None:
    codes = {line["name"]: line["codes"] for line in outcome}
    assert codes["deflate bomb"] == ["too_large"]
    assert codes["deflate cut"] == ["truncated"]
    assert codes["400 sequences of undefined length"] == ["nested_too_deep"]
    assert codes["5000 sequences"] == ["nested_too_deep"]
    assert codes["an element of four gigabytes"] == ["truncated"]
    assert codes["a million empty elements"] == ["unreadable"]
    assert codes["a program in the preamble"] == []


def test_no_file_takes_much_memory(outcome: list[dict]) -> None:
    assert max(line["peak_mib"] for line in outcome) < 600


def test_the_damage_is_the_same_every_time(tmp_path: Path) -> None:
    first, second = (hostile_files(tmp_path / name) for name in ("a", "b"))
    assert first == second
    kinds = Counter(name.split()[1] for name in first if name.startswith("damaged/"))
    assert kinds == {damage.__name__: 50 for damage in DAMAGES}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
