"""Pictures made to hurt whoever decodes them, and pictures that are none."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

from PIL import Image


def picture(width: int = 640, height: int = 480, form: str = "JPEG", mode: str = "RGB") -> bytes:
    """An honest picture: a gradient, so that it has something to compress."""
    gradient = Image.linear_gradient("L").resize((width, height)).convert(mode)
    out = BytesIO()
    gradient.save(out, form)
    return out.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes = b"", extra: bytes = b"") -> bytes:
    """A PNG with any header we like; `rows` is what its compressed data unpack to."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = _chunk(b"IHDR", header) + extra + _chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + body + _chunk(b"IEND", b"")


def png_bomb() -> bytes:
    """15,000 x 15,000 pixels of zero: 675 MB in under 700 kB."""
    packer = zlib.compressobj(9)
    line = bytes(1 + 15_000 * 3)
    data = b"".join([*(packer.compress(line) for _ in range(15_000)), packer.flush()])
    header = struct.pack(">IIBBBBB", 15_000, 15_000, 8, 2, 0, 0, 0)
    body = _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def png_text_bomb() -> bytes:
    """A tiny picture with a compressed comment of 200 MB."""
    comment = b"Comment\x00\x00" + zlib.compress(bytes(200 << 20), 9)
    return png(1, 1, b"\x00\x00\x00\x00", extra=_chunk(b"zTXt", comment))


def gif_bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A GIF whose screen is vast and whose one frame holds almost nothing."""
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\x00"
    return screen + frame + b"\x3b"


def gif_of_many_frames(frames: int = 250) -> bytes:
    """The same honest frame again and again: 250 of them unpack to 307 MB."""
    data = picture(640, 480, "GIF", "L")
    table = 3 << (data[10] & 7) + 1
    frame = data[13 + table : -1]
    return data[: 13 + table] + frame * frames + b"\x3b"


def webp_bomb() -> bytes:
    """The largest WebP there is, 16,383 x 16,383 of one colour: 805 MB in a few hundred bytes."""
    header = struct.pack("<I", (16_382 & 0x3FFF) | (16_382 & 0x3FFF) << 14)
    # VP8L: signature, size, then Huffman codes of one symbol each, which need no further bits
    bits = 0b0  # no transform, no colour cache, no meta codes, five simple one-symbol codes
    position = 3
    for _ in range(5):
        bits |= 0b0001 << position  # simple code, one symbol, of one bit, which is 0
        position += 4
    body = b"\x2f" + header + bits.to_bytes(64, "little")
    body += b"\x00" * (len(body) % 2)
    chunk = b"VP8L" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def jpeg_header(width: int = 30_000, height: int = 30_000) -> bytes:
    """A real JPEG whose frame header claims another size."""
    data = picture(64, 64)
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><script>1</script></svg>'
HTML = b"<!DOCTYPE html><html><body><img src=x onerror=alert(1)></body></html>"
GIF_SCRIPT = b"GIF89a/*" + bytes(20) + b"*/=1;alert(document.domain)//" + b"x" * 200
"""A polyglot: GIF to a sniffer, script to a browser, no picture to a decoder."""
