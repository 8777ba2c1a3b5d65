"""Picture bytes of a stranger in, what travels on the stream out: a small JPEG, or a reason.

    normalise(png_bytes)  -> JPEG, short side at most 320 pixels, upright, RGB
    normalise(html_bytes) -> BadPicture("not_a_picture")

Decoded by content, never by name. The header is read before a pixel is decoded,
so that a bomb is refused for what it claims. A JPEG that is already small,
upright and whole passes through as it is: encoding again would only lose.

Reasons: empty_picture, not_a_picture, format_refused, too_many_bytes,
too_many_pixels, too_many_scans, broken_picture.
"""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from services.ingest.jpeg import Markers, markers

SHORT_SIDE = 320
"""Pixels; the networks look at 224, a person at the dashboard a little more."""
MAX_BYTES = 32 << 20
MAX_PIXELS = 50_000_000
"""Above any phone's camera; 150 MB once decoded, and a JPEG is decoded at a fraction of it."""
MAX_PIXELS_WHOLE = 16_000_000
"""Where the decoder needs the whole picture at once: 4 bytes a pixel, 6 of a progressive JPEG."""
MAX_PIXELS_WEBP = 6_000_000
"""Its decoder keeps four copies of the whole, 16 bytes a pixel. No picture may take 100 MB."""
MAX_SCANNED = 256_000_000
"""Pixels times scans of a JPEG: the largest progressive one in 16 scans, ten being usual."""
MAX_AS_IS = 256 << 10
"""Bytes of a small JPEG that is passed through; what has more holds something else."""
BAND = 64
"""Rows of the reduced picture that are flattened at a time."""
QUALITY = 88
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""JPEG opens MPO as well, two pictures in one, of which the first is taken."""
ORIENTATION = 0x0112


class BadPicture(ValueError):
    """These bytes give no picture. `reason` is short and countable."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


def normalise(data: bytes, *, anew: bool = False) -> bytes:
    """The picture as JPEG with a short side of at most `SHORT_SIDE`; raises `BadPicture`.

    `anew` encodes in any case: what else a stranger put into the file stays behind.
    """
    if not data:
        raise BadPicture("empty_picture")
    if len(data) > MAX_BYTES:
        raise BadPicture("too_many_bytes", f"{len(data)} bytes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd metadata, which is not ours to repair
        return _normalise(data, anew)


def _normalise(data: bytes, anew: bool) -> bytes:
    try:
        jpeg = markers(data) if data.startswith(b"\xff\xd8\xff") else None
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            _refuse_bombs(picture, jpeg)
            if not anew and jpeg is not None and jpeg.bare and _fits(picture, data):
                return data
            return _encode(_upright(picture))
    except BadPicture:
        raise
    except UnidentifiedImageError as error:
        raise BadPicture("not_a_picture", f"starts with {data[:16]!r}") from error
    except Image.DecompressionBombError as error:
        raise BadPicture("too_many_pixels", str(error)) from error
    except Exception as error:  # Pillow's decoders raise nearly anything on broken bytes
        raise BadPicture("broken_picture", f"{type(error).__name__}: {error}") from error


def _refuse_bombs(picture: Image.Image, jpeg: Markers | None) -> None:
    pixels, limit = picture.width * picture.height, MAX_PIXELS_WHOLE
    if jpeg is not None:
        limit = MAX_PIXELS if jpeg.at_once else MAX_PIXELS_WHOLE
        if max(pixels, 1 << 16) * jpeg.scans > MAX_SCANNED:
            raise BadPicture("too_many_scans", f"{jpeg.scans} scans of {pixels} pixels")
    elif picture.format == "WEBP":
        limit = MAX_PIXELS_WEBP
    if pixels > limit:
        raise BadPicture("too_many_pixels", f"{picture.width} x {picture.height}")


def _fits(picture: Image.Image, data: bytes) -> bool:
    """Whether a bare JPEG can travel as it is: small, RGB or grey, whole.

    What its other segments hold may turn the picture, or say where it was taken (EXIF, XMP); what
    follows the end of the image (which can't occur inside it) is a passenger. Neither travels.
    """
    return (
        len(data) <= MAX_AS_IS
        and min(picture.size) <= SHORT_SIDE
        and max(picture.size) <= 4 * SHORT_SIDE
        and picture.mode in ("RGB", "L")
        and data.find(b"\xff\xd9") == len(data) - 2
    )


def _upright(picture: Image.Image) -> Image.Image:
    """Decoded (the first frame), reduced, turned as EXIF says, on white where transparent."""
    if picture.format in ("JPEG", "MPO"):
        # The decoder itself reduces by 2, 4 or 8: faster, and little memory for a large one.
        picture.draft("RGB", (2 * SHORT_SIDE, 2 * SHORT_SIDE))
    picture.load()
    small = _reduced(_flattened_by_bands(picture))
    return ImageOps.exif_transpose(_with_exif(small, picture))


def _with_exif(small: Image.Image, original: Image.Image) -> Image.Image:
    exif = original.getexif()
    if exif.get(ORIENTATION, 1) != 1:
        small.info["exif"] = exif.tobytes()
    return small


def _flattened_by_bands(picture: Image.Image) -> Image.Image:
    """Flattened, and reduced by a whole number on the way, so that no copy is as large as it."""
    factor = min(picture.size) // (2 * SHORT_SIDE)
    if picture.mode == "RGB" or factor < 2:
        return _flattened(picture)
    width, height = (-(-side // factor) for side in picture.size)
    small = Image.new("RGB", (width, height))
    for row in range(0, height, BAND):
        box = (0, row * factor, picture.width, min(picture.height, (row + BAND) * factor))
        small.paste(_flattened(picture.crop(box)).reduce(factor), (0, row))
    return small


def _flattened(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    if picture.mode.startswith("I;16") or picture.mode == "I":
        return picture.convert("I").point(lambda value: value / 257).convert("L").convert("RGB")
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        layer = picture.convert("RGBA")
        page = Image.new("RGBA", layer.size, "white")
        page.alpha_composite(layer)
        return page.convert("RGB")
    return picture.convert("RGB")


def _reduced(picture: Image.Image) -> Image.Image:
    """Short side `SHORT_SIDE` at most; a very long side is bounded too, and squeezed."""
    scale = min(1.0, SHORT_SIDE / min(picture.size))
    width, height = (max(1, round(side * scale)) for side in picture.size)
    size = (min(width, 4 * SHORT_SIDE), min(height, 4 * SHORT_SIDE))
    if size == picture.size:
        return picture
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _encode(picture: Image.Image) -> bytes:
    """Without what Pillow knows of it, which it would write again: comments among it."""
    out, bare = io.BytesIO(), picture.convert("RGB")
    bare.info.clear()
    bare.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
