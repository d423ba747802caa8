"""Where bytes come from: folders, ZIP archives and single files, each read once, bounded, and never written anywhere."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from photopeak.dicom.unusable import Unusable

MIB = 2**20
ZIP_MAGIC = b"PK\x03\x04"
LARGEST_FILE = 1024 * MIB
LARGEST_ARCHIVE_CONTENT = 2048 * MIB
MOST_ARCHIVE_MEMBERS = 20_000
#: an archive may grow this many times; small ones may always grow to SMALL_CONTENT (an empty image packs a thousandfold)
LARGEST_GROWTH = 200
SMALL_CONTENT = 64 * MIB

#: what other programs and we ourselves leave beside images; passed over without a word inside a folder or an archive
COMPANIONS = frozenset({"DICOMDIR", "truth.json", "results.json", "thumbs.db", "desktop.ini", "report.html", "report.pdf"})
COMPANION_SUFFIXES = frozenset({".toml"})


@dataclass(frozen=True, slots=True)
class Source:
    """One file, called `path`. `read` gives its bytes, or the open archive that it is, or raises Unusable."""

    path: str
    read: Callable[[], bytes | zipfile.ZipFile]
    named: bool = False  #: a person named this very file, so even a companion is reported


def sources(paths: Iterable[Path]) -> list[Source]:
    """Every file under `paths`, sorted by path, so that the order in which they are given does not matter.

    Folders are walked to the bottom; links that lead out of them, pipes and devices become sources that only answer why they
    are not read. Hidden files and COMPANIONS are left out unless named themselves.
    """
    found: dict[str, Source] = {}
    for path in paths:
        for source in _folder(path) if path.is_dir() else [_file(path, named=True)]:
            found.setdefault(source.path, source)
    return [found[path] for path in sorted(found)]


def _folder(folder: Path) -> Iterator[Source]:
    root = folder.resolve()
    for current, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(files):
            if is_hidden(name) or is_companion(name):
                continue
            path = Path(current, name)
            if path.is_symlink() and not _lies_within(path, root):
                yield Source(str(path), _refuse("outside_folder"))
            else:
                yield _file(path)


def is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def is_companion(name: str) -> bool:
    return name in COMPANIONS or name.lower() in COMPANIONS or PurePosixPath(name.lower()).suffix in COMPANION_SUFFIXES


def _lies_within(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):
        return False


def _refuse(code: str) -> Callable[[], bytes]:
    def read() -> bytes:
        raise Unusable(code)

    return read


def _file(path: Path, named: bool = False) -> Source:
    return Source(str(path), lambda: _read_file(path), named)


def _read_file(path: Path) -> bytes | zipfile.ZipFile:
    try:
        # A pipe would wait for its writer: open without blocking and ask what it is.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as handle:
            status = os.fstat(handle.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Unusable("not_a_file")
            head = handle.read(4)
            if head == ZIP_MAGIC:
                return zipfile.ZipFile(path)
            if status.st_size > LARGEST_FILE:
                raise Unusable("too_large", limit=f"{LARGEST_FILE // MIB} MiB")
            # A size given to read() is set aside at once, so it is the file's own; the head is read again rather than joined on.
            handle.seek(0)
            return handle.read(status.st_size)
    except FileNotFoundError:
        raise Unusable("not_found") from None
    except PermissionError:
        raise Unusable("no_permission") from None
    except zipfile.BadZipFile:
        raise Unusable("bad_archive") from None
    except OSError as error:
        raise Unusable("unreadable", reason=error.strerror or "I/O") from None


def beside(path: str, name: str) -> Source:
    """The file called `name` in the folder of the file at `path`; refuses names that lead out of that folder."""
    if name in ("", ".", "..") or PurePosixPath(name).name != name or "\\" in name or "\0" in name:
        raise Unusable("outside_folder")
    folder = Path(path).parent
    companion = folder / name
    if companion.is_symlink() and not _lies_within(companion, folder.resolve()):
        raise Unusable("outside_folder")
    return _file(companion)


def archived(archive: zipfile.ZipFile, path: str) -> list[Source]:
    """The members of a ZIP as sources, named `path`/member; nothing is unpacked to disk, whatever their names are.

    Raises Unusable where the archive as a whole is too large to be genuine; a member that cannot be read answers why.
    """
    members = [member for member in archive.infolist() if not member.is_dir()]
    size = sum(member.compress_size for member in members)
    allowed = min(LARGEST_ARCHIVE_CONTENT, max(SMALL_CONTENT, LARGEST_GROWTH * size))
    if len(members) > MOST_ARCHIVE_MEMBERS or sum(member.file_size for member in members) > allowed:
        raise Unusable("too_large", limit=f"{allowed // MIB} MiB")
    found = []
    for member in members:
        parts = [part for part in member.filename.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        if not parts or any(is_hidden(part) for part in parts) or is_companion(parts[-1]):
            continue
        shown = "".join(character for character in "/".join(parts) if character.isprintable())
        found.append(Source(f"{path}/{shown}", _member(archive, member)))
    return sorted(found, key=lambda source: source.path)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        if member.flag_bits & 0x1:
            raise Unusable("encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unusable("bad_archive")
        if member.file_size > LARGEST_FILE:
            raise Unusable("too_large", limit=f"{LARGEST_FILE // MIB} MiB")
        try:
            with archive.open(member) as handle:  # zipfile stops at the declared size and compares the checksum
                return handle.read(member.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError):
            raise Unusable("bad_archive") from None
        except RuntimeError:  # how zipfile says that a password is needed
            raise Unusable("encrypted") from None

    return read
