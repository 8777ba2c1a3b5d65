"""From the JPEG of a record to the pixels that the backbone takes.

Pictures on `posts` have a short side of at most 320 pixels. Pillow does it at
about 1,000 a second and core; OpenCV is a quarter faster but twenty times the
size, the other candidates are slower (`tests/bench/bench_pictures.py`). The
rule is that of training: the largest centred square, resized with
antialiasing; `models.picture` writes it out in numpy, for any format.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from models.signature import IMAGE_SIZE
from services.errors import BadRecord

MAX_PIXELS = 16_000_000
"""Ingest sends far smaller ones; a larger one did not come from there."""

FORMATS = ("JPEG",)


def pixels(jpeg: bytes) -> NDArray[np.uint8]:
    """RGB (IMAGE_SIZE, IMAGE_SIZE, 3). `BadRecord` where the bytes are no whole JPEG picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(jpeg), formats=FORMATS)
        return np.asarray(_square(image))
    except BadRecord:
        raise
    # Pillow raises these and more on broken files; it has no root for its own errors.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:
        raise BadRecord("undecodable_picture", f"the picture is broken: {error}") from error
    except Image.DecompressionBombError as error:
        raise BadRecord("huge_picture", str(error)) from error


def _square(image: ImageFile.ImageFile) -> Image.Image:
    if image.width * image.height > MAX_PIXELS:
        raise BadRecord("huge_picture", f"the picture has {image.width} x {image.height} pixels")
    image.draft("RGB", (IMAGE_SIZE, IMAGE_SIZE))  # decodes fewer pixels where there are many
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    side = min(rgb.size)
    left, top = (rgb.width - side) // 2, (rgb.height - side) // 2
    return rgb.resize(
        (IMAGE_SIZE, IMAGE_SIZE),
        Image.Resampling.BILINEAR,
        box=(left, top, left + side, top + side),
    )
