"""What a file that is no image seems to be, by its content, in words for the person who handed it in."""

from __future__ import annotations

from photopeak.words import Words

TEXT = Words("a table or a text", "表格或文本")
DOCUMENT = Words("an office document", "办公文档")
MAGIC: tuple[tuple[bytes, Words], ...] = (
    (b"%PDF", Words("a PDF document", "PDF 文档")),
    (b"\x89PNG", Words("a picture for viewing", "供浏览的图片")),
    (b"\xff\xd8\xff", Words("a picture for viewing", "供浏览的图片")),
    (b"GIF8", Words("a picture for viewing", "供浏览的图片")),
    (b"BM", Words("a picture for viewing", "供浏览的图片")),
    (b"II*\0", Words("a picture for viewing", "供浏览的图片")),
    (b"MM\0*", Words("a picture for viewing", "供浏览的图片")),
    (b"\xd0\xcf\x11\xe0", DOCUMENT),
    (b"\x1f\x8b", Words("an archive of a kind not opened here", "此处不打开的压缩包")),
    (b"\xfd7zXZ", Words("an archive of a kind not opened here", "此处不打开的压缩包")),
    (b"BZh", Words("an archive of a kind not opened here", "此处不打开的压缩包")),
    (b"7z\xbc\xaf", Words("an archive of a kind not opened here", "此处不打开的压缩包")),
    (b"Rar!", Words("an archive of a kind not opened here", "此处不打开的压缩包")),
)
OFFICE = "[Content_Types].xml"
ENCODINGS = ("utf-8", "gb18030")


def kind_of(data: bytes) -> Words | None:
    """What the bytes are, or None where they are nothing known here."""
    for magic, words in MAGIC:
        if data.startswith(magic):
            return words
    return TEXT if _is_text(data[:4096]) else None


def _is_text(start: bytes) -> bool:
    """Readable characters throughout; the last few bytes may be half a character."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):  # spreadsheets save "Unicode text" as UTF-16
        return True
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in start):
        return False
    for encoding in ENCODINGS:
        for cut in range(4):
            try:
                start[: len(start) - cut].decode(encoding)
            except UnicodeDecodeError:
                continue
            return True
    return False
