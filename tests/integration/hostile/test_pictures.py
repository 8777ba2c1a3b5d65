"""Strangers' pictures: bombs, polyglots, passengers; none takes much memory."""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO

import pytest
from PIL import Image

from services.ingest.fetch import Fetcher
from services.ingest.pictures import BadPicture, normalise
from tests.integration.hostile.conftest import reason
from tests.simulators import hostile
from tests.simulators.pictures import PictureServer

pytestmark = pytest.mark.integration


def test_an_honest_picture_comes_back_as_jpeg(server: PictureServer, fetcher: Fetcher) -> None:
    (outcome,) = fetcher.fetch_many([server.url("/good.jpg")])
    assert outcome.jpeg is not None
    assert outcome.jpeg.startswith(b"\xff\xd8\xff")
    assert outcome.reason == ""


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (hostile.png_bomb, "too_many_pixels"),
        (lambda: hostile.png(30_000, 30_000), "too_many_pixels"),
        (hostile.png_text_bomb, "broken_picture"),
        (hostile.gif_bomb, "too_many_pixels"),
        (lambda: hostile.gif_of_many_frames(), None),
        (hostile.webp_bomb, "too_many_pixels"),
        (hostile.jpeg_header, "too_many_pixels"),
        (lambda: hostile.picture()[:1500], "broken_picture"),
        (lambda: hostile.picture(form="PNG")[:300], "broken_picture"),
        (lambda: hostile.picture(form="WEBP")[:100], "broken_picture"),
        (lambda: hostile.GIF_SCRIPT, "not_a_picture"),
        (lambda: hostile.SVG, "not_a_picture"),
        (lambda: hostile.HTML, "not_a_picture"),
        (lambda: b"", "not_a_picture"),
    ],
    ids=[
        "png bomb",
        "png header",
        "png comment",
        "gif bomb",
        "gif frames",
        "webp bomb",
        "jpeg header",
        "truncated jpeg",
        "truncated png",
        "truncated webp",
        "polyglot",
        "svg",
        "html",
        "empty",
    ],
)
def test_hostile_pictures(
    make: Callable[[], bytes], expected: str | None, server: PictureServer, fetcher: Fetcher
) -> None:
    server.routes["/a.jpg"] = make()
    if expected is None:  # one frame of many is an honest picture
        assert fetcher.fetch_many([server.url("/a.jpg")])[0].jpeg is not None
    else:
        assert reason(fetcher, server.url("/a.jpg")) == expected


def test_a_picture_with_a_passenger_comes_out_without_it(
    server: PictureServer, fetcher: Fetcher
) -> None:
    for width in (640, 32):  # the small one could have been kept as it is
        url = server.url(f"/{width}.jpg")
        body = hostile.picture(width, width) + b"PK\x03\x04" + hostile.HTML + b"\xff\xd9"
        server.routes[f"/{width}.jpg"] = body
        (outcome,) = fetcher.fetch_many([url])
        assert outcome.jpeg is not None
        assert b"onerror" not in outcome.jpeg
        assert b"PK\x03\x04" not in outcome.jpeg


def _peak_mb(data: bytes) -> float:
    """Memory that the decoding takes at most, in a process that has done nothing else."""
    normalise(hostile.picture())
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(BadPicture):
        normalise(data, anew=True)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "mode", "width", "height", "options"),
    [
        ("PNG", "RGBA", 4000, 4000, {}),
        ("PNG", "I;16", 4000, 4000, {}),
        ("PNG", "LA", 4000, 4000, {}),
        ("GIF", "P", 4000, 4000, {}),
        ("JPEG", "RGB", 4000, 4000, {"progressive": True}),
        ("JPEG", "RGB", 7000, 7000, {"progressive": True}),
        ("JPEG", "CMYK", 7000, 7000, {}),
        ("JPEG", "CMYK", 4000, 4000, {"progressive": True}),
        ("WEBP", "RGBA", 3000, 2000, {"lossless": True}),
        ("WEBP", "RGBA", 4000, 4000, {"lossless": True}),
    ],
)
def test_no_picture_takes_a_hundred_megabytes(
    form: str, mode: str, width: int, height: int, options: dict[str, bool]
) -> None:
    out = BytesIO()
    Image.new(mode, (width, height)).save(out, form, **options)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        assert alone.submit(_peak_mb, out.getvalue()).result() < 100
