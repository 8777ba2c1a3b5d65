"""Pictures that cost more than their size says, or carry more than a picture."""

from __future__ import annotations

import io
import random
import time
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from services.errors import BadRecord
from services.inference.pictures import pixels
from services.ingest.draft import Draft, Media
from services.ingest.jpeg import markers
from services.ingest.media import MAX_ALT, MediaFolder, Pictures
from services.ingest.pictures import MAX_AS_IS, MAX_BYTES, BadPicture, normalise
from services.net import MAX_URL
from tests.simulators.hostile import picture

SMALL = picture(300, 300)
EXIF = b"\xff\xe1\xff\xff" + b"Exif\0\0".ljust(65_533, b"a")
XMP = b"\xff\xe1\0\x26http://ns.adobe.com/xap/1.0/\0GPS...x"
COMMENT = b"\xff\xfe\xff\xff" + b"c" * 65_533


def with_segments(*segments: bytes) -> bytes:
    return SMALL[:2] + b"".join(segments) + SMALL[2:]


def progressive(side: int, more_scans: int) -> bytes:
    """The last scan, of about 30 bytes, again and again."""
    out = io.BytesIO()
    Image.linear_gradient("L").resize((side, side)).convert("RGB").save(
        out, "JPEG", progressive=True
    )
    data = out.getvalue()
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * more_scans + b"\xff\xd9"


def by_components(width: int, height: int) -> bytes:
    """A JPEG that says its components come one after another: all of it is held before any."""
    data = bytearray(picture(64, 64))
    size = data.index(b"\xff\xc0") + 5
    data[size : size + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    scan = data.index(b"\xff\xda")
    return bytes(data[:scan]) + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + bytes(2_000) + b"\xff\xd9"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (progressive(2_000, 100), "too_many_scans"),
        (progressive(64, 8_000), "too_many_scans"),
        (by_components(7_000, 7_000), "too_many_pixels"),
        (SMALL[:2] + b"\xff" * (4 << 20) + SMALL[2:], "broken_picture"),
        (with_segments(b"\xff\xfe\0\2" * 500_000), "broken_picture"),
    ],
    ids=["many scans", "many tiny scans", "components", "filler", "segments"],
)
def test_what_would_take_minutes_is_refused_at_once(data: bytes, reason: str) -> None:
    started = time.process_time()
    with pytest.raises(BadPicture) as caught:
        normalise(data)
    assert caught.value.reason == reason
    assert time.process_time() - started < 1.0


def test_an_honest_progressive_picture_is_read() -> None:
    assert normalise(progressive(1_500, 0))
    assert markers(progressive(64, 0)).scans == 10
    assert markers(SMALL) == (1, True, True)


@pytest.mark.parametrize("segment", [EXIF, XMP, COMMENT, COMMENT * 400], ids=len)
def test_what_a_small_jpeg_carries_stays_behind(segment: bytes) -> None:
    made = normalise(with_segments(segment))
    assert len(made) < MAX_AS_IS
    assert markers(made).bare
    assert segment[8:20] not in made


def test_a_bare_small_jpeg_travels_as_it_is() -> None:
    assert normalise(SMALL) == SMALL


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_broken_bytes_make_a_picture_or_a_reason(form: str) -> None:
    chance = random.Random(form)
    whole = picture(40, 30, form)
    for _ in range(60):
        data = bytearray(whole[: chance.randrange(20, len(whole) + 1)])
        for _ in range(chance.randrange(6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with suppress(BadPicture, BadRecord):
            assert pixels(normalise(bytes(data))).shape == (224, 224, 3)


def test_what_a_post_says_of_its_pictures_is_bounded(tmp_path: Path) -> None:
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    names = ("https://a/" + "b" * MAX_URL, "a.jpg", "a.jpg#" + "x" * MAX_URL)
    media = tuple(Media(name, alt="c" * 10_000) for name in names)
    (found,) = Pictures(MediaFolder(tmp_path)).of([Draft("x:1", "x", 1, "words", media=media)])
    assert [one.reason for one in found] == ["not_in_media_folder", *["too_many_bytes"] * 2]
    assert [one.url for one in found] == ["", "a.jpg", ""]
    assert {len(one.alt) for one in found} == {MAX_ALT}
