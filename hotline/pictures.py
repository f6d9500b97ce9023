"""Pictures that come from outside: looked into before they are kept, and without what the camera noted beside the picture."""

from __future__ import annotations

import zlib

LARGEST_BYTES = 6 * 1024 * 1024
LONGEST_SIDE = 20_000
_PNG = b"\x89PNG\r\n\x1a\n"
_KEPT_CHUNKS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"sRGB"})


class NoPicture(ValueError):  # noqa: N818 - exceptions are named by the fact
    """It is no JPEG or PNG, or a broken one."""


def cleaned(content: bytes) -> tuple[str, bytes]:
    """("jpeg" or "png", the picture without place, camera and comments). Raises NoPicture."""
    if content.startswith(b"\xff\xd8\xff"):
        return "jpeg", _jpeg(content)
    if content.startswith(_PNG):
        return "png", _png(content)
    raise NoPicture


def _jpeg(content: bytes) -> bytes:
    kept, at = [b"\xff\xd8"], 2
    sized = False
    while at + 4 <= len(content):
        if content[at] != 0xFF:
            raise NoPicture
        kind, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4])
        if kind == 0xFF:
            at += 1
            continue
        end = at + 2 + length
        if length < 2 or end > len(content):
            raise NoPicture
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(content[at + n : at + n + 2]) for n in (5, 7))
            sized = 0 < height <= LONGEST_SIDE and 0 < width <= LONGEST_SIDE
        if kind == 0xDA:  # the picture itself, to the end
            last = content.rfind(b"\xff\xd9")
            if not sized or last < end:
                raise NoPicture
            return b"".join([*kept, content[at : last + 2]])
        if not (0xE1 <= kind <= 0xEF or kind == 0xFE):  # APP1 and the others, comments
            kept.append(content[at:end])
        at = end
    raise NoPicture


def _png(content: bytes) -> bytes:
    kept, at, names = [_PNG], 8, []
    while at + 12 <= len(content):
        length, name = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(content) or zlib.crc32(content[at + 4 : end - 4]) != int.from_bytes(
            content[end - 4 : end]
        ):
            raise NoPicture
        names.append(name)
        if name == b"IHDR" and not all(
            0 < int.from_bytes(content[at + n : at + n + 4]) <= LONGEST_SIDE for n in (8, 12)
        ):
            raise NoPicture
        if name in _KEPT_CHUNKS:
            kept.append(content[at:end])
        at = end
        if name == b"IEND":
            break
    if names[:1] != [b"IHDR"] or names[-1:] != [b"IEND"] or b"IDAT" not in names:
        raise NoPicture
    return b"".join(kept)
