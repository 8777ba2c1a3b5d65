"""From picture files to what the backbone takes: one rule, in training and serving.

The rule: the largest centred square, resized to IMAGE_SIZE x IMAGE_SIZE; when
shrinking, every output pixel is the mean of the area it covers (what OpenCV
calls INTER_AREA), when enlarging, linear between pixel centres (INTER_LINEAR).
It is written out here in numpy, so that no library version changes it.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from models.signature import IMAGE_SIZE

Pixels = npt.NDArray[np.uint8]
"""RGB, (H, W, 3), rows first."""

Reals = npt.NDArray[np.float32]

MAX_PIXELS = 64_000_000
"""Larger pictures are refused: decoding one would take more than 200 MB."""

SHORT_SIDE = 320
_HASH_SIDE = 8


class PictureError(ValueError):
    """Not a picture, a broken one, or one that is too large; the message says which."""


def decode(data: bytes) -> Pixels:
    """Any format that Pillow reads, as RGB (H, W, 3).

    The first frame of an animation, upright by its EXIF orientation, on white
    where it is transparent; grey, palette, CMYK and 16-bit pictures converted.
    """
    if not data:
        raise PictureError("the picture file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # broken metadata, sizes: checked here
            with Image.open(io.BytesIO(data)) as image:
                _check_size(image)
                image.draft("RGB", (2 * SHORT_SIDE, 2 * SHORT_SIDE))
                return np.array(_rgb(ImageOps.exif_transpose(image)))
    except UnidentifiedImageError:
        raise PictureError("not a picture in a known format") from None
    except Image.DecompressionBombError as error:
        raise PictureError(f"the picture is too large: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:
        raise PictureError(f"the picture is broken: {error}") from error


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError(f"the picture is too large: {width} x {height}, over {MAX_PIXELS}")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16-bit and float grey, of any range
        grey = np.asarray(image, dtype=np.float64)
        low, high = float(grey.min()), float(grey.max())
        scaled = (grey - low) * (255.0 / (high - low)) if high > low else grey * 0
        return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        seen = image.convert("RGBA")
        white = Image.new("RGBA", seen.size, "white")
        return Image.alpha_composite(white, seen).convert("RGB")
    return image.convert("RGB")


def prepare(rgb: Pixels, size: int = IMAGE_SIZE) -> Pixels:
    """The centred square of `rgb` (H, W, 3), as (size, size, 3)."""
    square = _centre_square(rgb)
    side = square.shape[0]
    if side == size:
        return np.ascontiguousarray(square)
    down = _resize_rows(square.astype(np.float32).reshape(side, side * 3), size)
    turned = down.reshape(size, side, 3).transpose(1, 0, 2).reshape(side, size * 3)
    across = _resize_rows(turned, size).reshape(size, size, 3).transpose(1, 0, 2)
    rounded: Pixels = np.clip(np.rint(across), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(rounded)


def _centre_square(rgb: Pixels) -> Pixels:
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return rgb[top : top + side, left : left + side]


def _resize_rows(rows: Reals, size: int) -> Reals:
    """`rows` (side, n) as (size, n): area means when shrinking, else linear."""
    side = len(rows)
    scale = side / size
    if side > size:
        edges = np.arange(size + 1) * scale
        whole = np.minimum(edges.astype(np.int64), side - 1)
        part = (edges - whole).astype(np.float32)[:, None]
        below = np.zeros_like(rows)  # sum of all rows above each row
        np.cumsum(rows[:-1], axis=0, out=below[1:])
        return (np.diff(below[whole] + part * rows[whole], axis=0) / scale).astype(np.float32)
    centres = np.clip((np.arange(size) + 0.5) * scale - 0.5, 0, side - 1)
    above = centres.astype(np.int64)
    part = (centres - above).astype(np.float32)[:, None]
    beneath = np.minimum(above + 1, side - 1)
    linear: Reals = rows[above] * (1 - part) + rows[beneath] * part
    return linear


def shrunk(data: bytes) -> bytes:
    """The picture as JPEG with a short side of at most SHORT_SIDE pixels.

    That is how the services keep pictures too, so that training on data in its
    published size sees what they see. Raises PictureError.
    """
    image = Image.fromarray(decode(data))
    factor = SHORT_SIDE / min(image.size)
    if factor < 1:
        width, height = (max(1, round(side * factor)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def perceptual_hash(rgb: Pixels) -> npt.NDArray[np.uint64]:
    """Two 64-bit difference hashes (across, down) of the whole picture, shape (2,).

    Copies that were resized or recompressed differ in a few bits at most.
    """
    grey = Image.fromarray(rgb).convert("L")
    side = _HASH_SIDE + 1
    small = np.asarray(grey.resize((side, side), Image.Resampling.BOX), dtype=np.int16)
    across = small[:-1, 1:] > small[:-1, :-1]
    down = small[1:, :-1] > small[:-1, :-1]
    packed = [np.packbits(bits.ravel()).view(">u8")[0] for bits in (across, down)]
    return np.array(packed, dtype=np.uint64)
