"""Pictures: whatever comes in, a small upright JPEG or a reason comes out."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from services.errors import UsageError
from services.ingest.draft import Draft, Media
from services.ingest.media import MediaFolder, Pictures, names
from services.ingest.pictures import SHORT_SIDE, BadPicture, normalise


def made(form: str, mode: str = "RGB", size: tuple[int, int] = (800, 500), **save: Any) -> bytes:
    picture = Image.new("RGB", size, (200, 30, 30)).convert(mode)
    out = io.BytesIO()
    picture.save(out, form, **save)
    return out.getvalue()


def opened(jpeg: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(jpeg))
    assert (picture.format, picture.mode) == ("JPEG", "RGB")
    picture.load()
    return picture


@pytest.mark.parametrize(
    ("form", "mode"),
    [("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "LA"),
     ("WEBP", "RGB"), ("GIF", "P"), ("BMP", "RGB"), ("TIFF", "RGB")],
)  # fmt: skip
def test_every_format_becomes_a_small_jpeg(form: str, mode: str) -> None:
    picture = opened(normalise(made(form, mode)))
    assert picture.size == (512, SHORT_SIDE)
    red, _, blue = picture.getpixel((100, 100))  # type: ignore[misc]
    assert mode == "LA" or red > blue + 100


def test_a_small_jpeg_passes_untouched() -> None:
    data = made("JPEG", size=(400, 300))
    assert normalise(data) is data
    assert normalise(made("JPEG", size=(4000, 300))) != data


def test_nothing_but_the_picture_travels() -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    assert b"where I live" not in normalise(made("JPEG", size=(300, 200), exif=exif))
    passenger = made("JPEG", size=(300, 200)) + b"<script>" + b"\xff\xd9"
    assert b"<script>" not in normalise(passenger)


def test_turned_as_exif_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = opened(normalise(made("JPEG", size=(300, 200), exif=exif)))
    assert picture.size == (200, 300)
    assert picture.getexif().get(0x0112) is None


def test_transparent_is_white_and_the_first_frame_is_taken() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(out, "PNG")
    assert min(opened(normalise(out.getvalue())).getpixel((5, 5))) > 250  # type: ignore[arg-type]
    frames = [Image.new("RGB", (50, 50), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    red, _, blue = opened(normalise(out.getvalue())).getpixel((5, 5))  # type: ignore[misc]
    assert red > 200 > blue


def test_sixteen_bits_a_pixel() -> None:
    out = io.BytesIO()
    Image.fromarray(np.full((60, 60), 60_000, np.uint16)).save(out, "PNG")
    assert 228 < opened(normalise(out.getvalue())).getpixel((5, 5))[0] < 238  # type: ignore[index]


def bomb() -> bytes:
    """A PNG of 30,000 x 30,000 pixels in some hundred bytes of header."""
    header = (30_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    chunk = b"IHDR" + header
    parts = [b"\x89PNG\r\n\x1a\n", (13).to_bytes(4, "big"), chunk]
    return b"".join([*parts, zlib.crc32(chunk).to_bytes(4, "big"), b"\0\0\0\0IDAT\x35\xaf\x06\x1e"])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_picture"),
        (b"<!DOCTYPE html><html>login</html>", "not_a_picture"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not_a_picture"),
        (bomb(), "too_many_pixels"),
        (made("PNG")[:800], "broken_picture"),
        (made("JPEG", size=(100, 100))[:400], "broken_picture"),
        (b"\xff\xd8\xff" + b"\0" * 50, "not_a_picture"),
    ],
)
def test_what_gives_no_picture_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(BadPicture) as caught:
        normalise(data)
    assert caught.value.reason == reason


URL = "https://pbs.twimg.com/media/EaBc.jpg"


def draft(*media: Media, ident: str = "x:77") -> Draft:
    return Draft(ident, "x", 1, "", media=media)


@pytest.mark.parametrize(
    "file", ["EaBc.jpg", "EaBc.png", "deep/er/EaBc.jpg", "3_9.jpg", "77.jpg", "77_1.webp"]
)
def test_the_folder_knows_url_key_and_post_id(tmp_path: Path, file: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made("JPEG"))
    (tmp_path / "other.jpg").write_bytes(b"x")
    pictures = Pictures(MediaFolder(tmp_path))
    for url in (URL, URL + ":large", URL + "?name=small", URL.replace(".jpg", "?format=jpg")):
        ((picture,),) = pictures.of([draft(Media(url, "3_9"))])
        assert picture.jpeg is not None
        assert (picture.url, picture.reason) == (url, "")


def test_what_posts_name_never_leaves_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(made("JPEG"))
    (tmp_path / "media").mkdir()
    pictures = Pictures(MediaFolder(tmp_path / "media"))
    for url in ("../secret.jpg", "%2e%2e%2fsecret.jpg", "/etc/passwd", "x/../secret.jpg"):
        ((picture,),) = pictures.of([draft(Media(url, "../secret"), ident="x:../secret")])
        assert picture.reason == "not_in_media_folder"
    with pytest.raises(UsageError, match="is no folder"):
        MediaFolder(tmp_path / "nowhere")


def test_bluesky_pictures_go_by_their_cid() -> None:
    media = Media("https://cdn.bsky.app/img/feed_thumbnail/plain/did:plc:a/bafy1@jpeg", "bafy1")
    assert "bafy1" in names(draft(media, ident="bluesky:did:plc:a/3k"), 0)
    assert "3k" in names(draft(media, ident="bluesky:did:plc:a/3k"), 0)


def test_what_is_not_here_is_fetched_all_at_once() -> None:
    class Outcome:
        def __init__(self, jpeg: bytes | None, reason: str = "") -> None:
            self.jpeg, self.reason = jpeg, reason

    asked: list[list[str]] = []

    def fetch(urls: Any) -> list[Outcome]:
        asked.append(list(urls))
        return [Outcome(b"jpeg"), Outcome(None, "timeout")]

    drafts = [draft(Media("https://a/1")), draft(), draft(Media("https://a/2"), Media("", "3_5"))]
    found = Pictures(fetch=fetch).of(drafts)
    assert asked == [["https://a/1", "https://a/2"]]
    assert [[p.reason for p in post] for post in found] == [[""], [], ["timeout", "no_url"]]
    off = Pictures().of(drafts)
    assert off[0][0].reason == "fetching_off"
