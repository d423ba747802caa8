"""What hospitals hand in, read once: folders, archives and files in, evidence out.

What becomes evidence is one acquisition or one volume. What cannot be used is listed in `unread` with a stable code and a
sentence in both languages, and never hides the rest. A .csv, .tsv or .xlsx is a table, a .txt, .html, .docx,
.pdf, .hl7 or .json a text. Passed over without a word,
inside a folder or an archive only: hidden files, DICOMDIR, facts and other .toml files, truth.json, results.json, report.html,
report.pdf, Thumbs.db, desktop.ini, and the pixels that a MetaImage header names. Named one by one, they are read like any file.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from photopeak.dicom.unusable import Unusable
from photopeak.dicom.wall import Unread, Wall, silence
from photopeak.evidence import Evidence, EvidenceFile

if TYPE_CHECKING:
    from pydicom import Dataset

    from photopeak.dicom.image import Image
    from photopeak.dicom.sources import Source

__all__ = ["Gathered", "Unread", "gather"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """All that was found, sorted by path: evidence, and the files that are no part of any."""

    evidence: tuple[Evidence, ...]
    unread: tuple[Unread, ...]


def gather(paths: Iterable[Path], *, progress: Callable[[int, int], None] | None = None) -> Gathered:
    """Read everything under `paths`, in whatever order it is given.

    `progress(done, total)` is called after each file; `total` grows as archives open. Nothing is raised for what a file holds.
    """
    from photopeak.dicom.assemble import assemble

    reading = _Reading()
    with silence():
        reading.all(paths, progress)
        complete = reading.complete
        evidence = [*complete, *assemble(reading.images, reading.wall)]
    evidence = [reading.with_copies(one) for one in evidence]
    evidence.sort(key=lambda one: (one.files[0].path, one.header.get("time_position", 0)))
    unread = reading.unread()
    return Gathered(evidence=tuple(evidence), unread=tuple(sorted(unread, key=lambda one: (one.path, one.code))))


@dataclass(slots=True)
class _Reading:
    """The state of one call: what has been read so far."""

    wall: Wall = field(default_factory=Wall)
    images: list[Image] = field(default_factory=list)
    complete: list[Evidence] = field(default_factory=list)  #: needs nothing from other files
    known: dict[str, Source] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)  #: files that are part of another
    copies: dict[str, list[str]] = field(default_factory=dict)  #: path kept -> paths of the same content
    by_hash: dict[str, str] = field(default_factory=dict)
    by_uid: dict[str, Image] = field(default_factory=dict)

    def all(self, paths: Iterable[Path], progress: Callable[[int, int], None] | None) -> None:
        from photopeak.dicom.sources import sources

        waiting = _in_order(sources(paths))
        self.known = {source.path: source for source in waiting}
        done = 0
        while waiting:
            source = waiting.pop()
            if source.path not in self.claimed:
                inside = self.wall.attempt([source.path], lambda: self._read(source)) or []  # noqa: B023 - called at once
                self.known |= {member.path: member for member in inside}
                waiting += _in_order(inside)
            done += 1
            if progress is not None:
                progress(done, done + len(waiting))
        self.by_uid.clear()

    def _read(self, source: Source) -> list[Source]:
        """Take in one file; the members where it is an archive."""
        data = source.read()
        if isinstance(data, zipfile.ZipFile):
            if not _is_document(data, source.path):
                return _members(data, source.path)
            data = _whole(data)
        file = EvidenceFile(path=source.path, sha256=hashlib.sha256(data).hexdigest())
        if file.sha256 in self.by_hash:
            self.copies.setdefault(self.by_hash[file.sha256], []).append(file.path)
            return []
        self._take(data, file, source)
        return []

    def _take(self, data: bytes, file: EvidenceFile, source: Source) -> None:
        from photopeak import table, text
        from photopeak.dicom import image, lesion_objects, metaimage, parse

        if not data:
            raise Unusable("empty_file")
        if data[128:132] != b"DICM":
            if metaimage.looks_like_metaimage(data):
                self.complete += metaimage.metaimage_evidence(data, file, lambda name: self._companion(file.path, name))
                self.by_hash[file.sha256] = file.path
                return
            if table.names_a_table(file.path) and not parse.looks_like_dicom(data):
                self.complete.append(table.table_evidence(data, file))
                self.by_hash[file.sha256] = file.path
                return
            if text.names_a_text(file.path) and not parse.looks_like_dicom(data):
                self.complete.append(text.text_evidence(data, file))
                self.by_hash[file.sha256] = file.path
                return
            _refuse_other_kinds(data)
        parsed = parse.parse(data)
        del data
        if lesion_objects.holds_lesions(parsed):
            self.complete.append(lesion_objects.lesion_evidence(parsed, file))
            self.by_hash[file.sha256] = file.path
            return
        if _speaks(parsed.dataset):
            from photopeak.dicom.document import document_evidence

            self.complete.append(document_evidence(parsed.dataset, file))
            self.by_hash[file.sha256] = file.path
            return
        found = image.image_of(parsed, file)
        if found is None:  # a directory of files, which are read one by one
            if source.named:
                raise Unusable("no_pixels")
            return
        self._keep(found)

    def _keep(self, found: Image) -> None:
        """Add an image, unless it came before under another name or in another encoding."""
        uid = found.instance_uid
        earlier = self.by_uid.get(uid) if uid else None
        if earlier is not None and not earlier.same_content_as(found):
            raise Unusable("duplicate_sop_instance", kept=PurePath(earlier.file.path).name)
        if earlier is not None:
            self.copies.setdefault(earlier.file.path, []).append(found.file.path)
            return
        self.by_hash[found.file.sha256] = found.file.path
        self.by_uid[uid] = found
        self.images.append(found)

    def _companion(self, path: str, name: str) -> tuple[bytes, EvidenceFile]:
        """The bytes of the file called `name` beside the one at `path`, which then is no file of its own."""
        from photopeak.dicom.sources import beside

        source = beside(path, name)
        source = self.known.get(source.path, source)
        try:
            data = source.read()
        except Unusable as missing:
            if missing.code not in ("not_found", "unreadable"):
                raise
            raise Unusable(
                "unsupported_metaimage",
                reason_en="the file with its pixels is not beside it",
                reason_zh="同一文件夹中缺少其像素文件",
            ) from None
        if isinstance(data, zipfile.ZipFile):
            raise Unusable("nested_archive")
        self.claimed.add(source.path)
        return data, EvidenceFile(path=source.path, sha256=hashlib.sha256(data).hexdigest())

    def with_copies(self, evidence: Evidence) -> Evidence:
        """The evidence, with a remark where files of it were handed in more than once."""
        from photopeak.dicom.remarks import noticed

        number = sum(len(self.copies.get(file.path, ())) for file in evidence.files)
        if not number:
            return evidence
        return replace(evidence, remarks=(*evidence.remarks, noticed("duplicate_file", copies=number)))

    def unread(self) -> list[Unread]:
        """What could not be used, with the copies of each file; without the files that another one claimed."""
        listed = [one for one in self.wall.unread if one.path not in self.claimed]
        return listed + [replace(one, path=path) for one in listed for path in self.copies.get(one.path, ())]


def _speaks(header: Dataset) -> bool:
    from photopeak.dicom.document import is_document

    return is_document(header)


def _in_order(found: list[Source]) -> list[Source]:
    """Last first, to be taken from the end; headers of MetaImage before everything, as they claim other files."""
    return sorted(found, key=lambda source: (not source.path.lower().endswith((".mhd", ".mha")), source.path), reverse=True)


def _is_document(archive: zipfile.ZipFile, path: str) -> bool:
    from photopeak.dicom.kinds import OFFICE
    from photopeak.table import names_a_table
    from photopeak.text import names_a_text

    return (names_a_table(path) or names_a_text(path)) and OFFICE in archive.namelist()


def _whole(archive: zipfile.ZipFile) -> bytes:
    """The bytes of a workbook or letter, which is an archive only by its form; what is larger than any of them is refused."""
    from photopeak.table import LARGEST_SHEET_BYTES

    handle = archive.fp
    assert handle is not None
    handle.seek(0)
    content = handle.read(LARGEST_SHEET_BYTES + 1)
    if len(content) > LARGEST_SHEET_BYTES:
        raise Unusable("too_large", limit=f"{LARGEST_SHEET_BYTES // 2**20} MiB")
    return content


def _members(archive: zipfile.ZipFile, path: str) -> list[Source]:
    from photopeak.dicom.kinds import DOCUMENT, OFFICE
    from photopeak.dicom.sources import archived

    if OFFICE in archive.namelist():
        raise Unusable("not_an_image", kind_en=DOCUMENT.en, kind_zh=DOCUMENT.zh)
    return archived(archive, path)


def _refuse_other_kinds(data: bytes) -> None:
    """Raise Unusable for what is certainly no DICOM object."""
    from photopeak.dicom.kinds import DOCUMENT, OFFICE, kind_of
    from photopeak.dicom.parse import looks_encrypted, looks_like_dicom
    from photopeak.dicom.sources import ZIP_MAGIC

    if data.startswith(ZIP_MAGIC):
        if OFFICE.encode() in data[:4096]:
            raise Unusable("not_an_image", kind_en=DOCUMENT.en, kind_zh=DOCUMENT.zh)
        raise Unusable("nested_archive")
    if looks_encrypted(data):
        raise Unusable("encrypted")
    if looks_like_dicom(data):
        return
    kind = kind_of(data)
    if kind is not None:
        raise Unusable("not_an_image", kind_en=kind.en, kind_zh=kind.zh)
    raise Unusable("not_dicom")
