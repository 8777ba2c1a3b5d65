"""JPEG bytes to pixels: the centred square, any JPEG, and no other thing."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from models.picture import decode, prepare
from models.signature import IMAGE_SIZE
from services.errors import BadRecord
from services.inference.pictures import pixels
from tests.unit.inference.helpers import jpeg


def saved(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def scene(width: int, height: int) -> Image.Image:
    """Soft waves: what a photograph is to a resampler."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [np.sin(x / 17 + k) * 60 + np.cos(y / (11 + k)) * 60 + 127 for k in range(3)]
    return Image.fromarray(np.stack(planes, axis=2).astype(np.uint8))


@pytest.mark.parametrize("size", [(320, 320), (320, 900), (1280, 720), (80, 60), (224, 224)])
def test_same_pixels_as_in_training_but_for_rounding(size: tuple[int, int]) -> None:
    data = saved(scene(*size), quality=90)
    ours, theirs = pixels(data), prepare(decode(data))
    assert ours.shape == (IMAGE_SIZE, IMAGE_SIZE, 3)
    assert ours.dtype == np.uint8
    assert np.abs(ours.astype(int) - theirs).mean() < 1.5  # of 255


def test_only_the_centred_square_counts() -> None:
    image = Image.new("RGB", (600, 300), "black")
    image.paste((255, 255, 255), (150, 0, 450, 300))
    assert pixels(saved(image)).min() > 200  # the edge rings a little


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_print_colours_become_rgb(mode: str) -> None:
    assert pixels(saved(scene(300, 300).convert(mode))).shape == (IMAGE_SIZE, IMAGE_SIZE, 3)


def test_progressive_and_one_pixel() -> None:
    assert pixels(saved(scene(320, 320), progressive=True)).std() > 10
    assert pixels(jpeg(size=(1, 1))).shape == (IMAGE_SIZE, IMAGE_SIZE, 3)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xd8\xff", jpeg()[:-700], saved(scene(30, 30), "PNG"), saved(scene(30, 30), "GIF")],
)
def test_what_is_no_whole_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(BadRecord) as caught:
        pixels(data)
    assert caught.value.reason == "undecodable_picture"


def test_a_flood_of_pixels_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(BadRecord) as caught:
        pixels(jpeg(size=(9_000, 9_000)))
    assert caught.value.reason == "huge_picture"
