"""Small parts: answers, files, what is asked together, what is kept for a moment, kept posts."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from models.signature import MAX_TOKENS, REGIONS
from services.attention import Looked
from services.dashboard import kept
from services.dashboard.answers import Body, answer
from services.dashboard.files import Files, media_type
from services.dashboard.recent import Recent
from services.dashboard.server import is_loopback, refuse_to_be_open
from services.dashboard.together import MOST, Together
from services.errors import UsageError


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw})


# -- answers ----------------------------------------------------------------------


def test_the_same_body_is_not_sent_twice() -> None:
    body = Body(b"{}" * 1_000)
    first = answer(request(), body)
    assert first.headers["cache-control"] == "private, no-cache"
    again = answer(request(if_none_match=f'"other", {first.headers["etag"]}'), body)
    assert (again.status_code, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert answer(request(if_none_match='"other"'), body).status_code == 200


def test_gzip_where_it_is_taken_and_worth_it() -> None:
    body = Body(b"{}" * 1_000)
    packed = answer(request(accept_encoding="br, gzip"), body)
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(bytes(packed.body)) == body.raw
    assert packed.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in answer(request(), body).headers
    small, jpeg = Body(b"{}"), Body(b"{}" * 1_000, "image/jpeg")
    for other in (small, jpeg):
        found = answer(request(accept_encoding="gzip"), other)
        assert "content-encoding" not in found.headers


def test_a_file_s_name_can_not_leave_its_header() -> None:
    found = answer(request(), Body(b"a"), name='"\r\nX: y ünï.csv')
    assert found.headers["content-disposition"].isascii()
    assert "x" not in {name.lower() for name in found.headers}


# -- files ------------------------------------------------------------------------


def test_files_are_read_again_when_edited(tmp_path: Path) -> None:
    (tmp_path / "js").mkdir()
    script = tmp_path / "js" / "app.js"
    script.write_text("one")
    files = Files(tmp_path)
    first = files.get("js/app.js")
    assert first is not None
    assert files.get("js/app.js") is first
    script.write_text("other")
    second = files.get("js/app.js")
    assert second is not None
    assert second.raw == b"other"
    script.unlink()
    assert files.get("js/app.js") is None


def test_only_files_below_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "static"
    inside.mkdir()
    (tmp_path / "secret").write_text("no")
    (inside / ".hidden").write_text("no")
    (inside / "link").symlink_to(tmp_path / "secret")
    files = Files(inside)
    for name in ("../secret", "/etc/passwd", ".hidden", "link", "", ".", "a\0b", "..\\secret"):
        assert files.get(name) is None, name


def test_a_file_has_one_name(tmp_path: Path) -> None:
    """Strangers reach these files: each other name of one would keep another copy of it."""
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "app.js").write_text("one")
    files = Files(tmp_path)
    assert files.get("js/app.js") is not None
    for name in ("js//app.js", "js/./app.js", "./js/app.js", "js/app.js/", "js/" + "a" * 300):
        assert files.get(name) is None, name


def test_media_types() -> None:
    assert media_type("a/b.js") == "text/javascript; charset=utf-8"
    assert media_type("index.html") == "text/html; charset=utf-8"
    assert media_type("a.svg") == "image/svg+xml; charset=utf-8"
    assert media_type("a.bin-x") == "application/octet-stream"


# -- together ---------------------------------------------------------------------


async def in_a_thread(work: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.to_thread(work, *args)


def test_what_is_asked_at_once_is_answered_at_once() -> None:
    batches: list[int] = []

    def double(numbers: Sequence[int]) -> list[int | Exception]:
        batches.append(len(numbers))
        return [n * 2 if n != 13 else ValueError("thirteen") for n in numbers]

    async def ask_all() -> list[Any]:
        together = Together[int, int](in_a_thread, double)
        asks = (together.ask(n) for n in range(100))
        return await asyncio.gather(*asks, return_exceptions=True)

    found = asyncio.run(ask_all())
    assert isinstance(found.pop(13), ValueError)
    assert found == [2 * n for n in range(100) if n != 13]
    assert max(batches) <= MOST
    assert len(batches) <= 100 / MOST + 3


def test_a_batch_that_fails_fails_for_each_and_not_for_the_next() -> None:
    calls: list[int] = []

    def fail_once(numbers: Sequence[int]) -> list[int | Exception]:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("away")
        return list(numbers)

    async def ask_twice() -> int:
        together = Together[int, int](in_a_thread, fail_once)
        with pytest.raises(OSError, match="away"):
            await together.ask(1)
        return await together.ask(2)

    assert asyncio.run(ask_twice()) == 2


def test_who_no_longer_waits_harms_nobody() -> None:
    def slow(numbers: Sequence[int]) -> list[int | Exception]:
        return list(numbers)

    async def leave() -> int:
        together = Together[int, int](in_a_thread, slow)
        gone = asyncio.create_task(together.ask(1))
        stays = asyncio.create_task(together.ask(2))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asyncio.run(leave()) == 2


def test_recent_answers_end() -> None:
    now = [0.0]
    recent, found = Recent(lambda: now[0]), iter(range(10))
    assert recent.get("a", 1.0, lambda: next(found)) == 0
    assert recent.get("a", 1.0, lambda: next(found)) == 0
    now[0] = 1.5
    assert recent.get("a", 1.0, lambda: next(found)) == 1
    with pytest.raises(ZeroDivisionError):
        recent.get("b", 1.0, lambda: 1 // 0)
    assert recent.get("b", 1.0, lambda: 7) == 7


# -- where to listen ----------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "127.8.9.1"])
def test_this_machine_alone(host: str) -> None:
    assert is_loopback(host)
    refuse_to_be_open(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.7", "dashboard.example"])
def test_others_need_a_token(host: str) -> None:
    with pytest.raises(UsageError, match="dashboard_token_file"):
        refuse_to_be_open(host, None)
    refuse_to_be_open(host, "a long enough token")


# -- kept posts ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil", " https://x", "https://x\n", ""]
)
def test_links_that_could_run_are_left_out(url: str) -> None:
    assert kept.safe_link(url) == ""


def test_links_that_lead_somewhere() -> None:
    assert kept.safe_link("https://x.com/i/status/1") == "https://x.com/i/status/1"


def test_words_are_spans_of_the_text_in_code_points() -> None:
    text = "😀 battery died, #PennivaneDown نعم"
    flat = bytes(range(1, MAX_TOKENS + 1))
    looked = {name: Looked(flat, bytes(REGIONS)) for name in ("dmlanet", "rnnca")}
    words = kept.words(text, looked)
    assert [word["text"] for word in words][1:3] == ["battery", "died"]
    for word in words:
        assert text[word["start"] : word["end"]] == word["text"]
        assert 0 <= word["dmlanet"] <= 1
    assert max(word["rnnca"] for word in words) == 1
    assert kept.regions(looked) is None
    assert kept.words(text, {}) == []


def test_regions_are_rows_from_the_upper_left() -> None:
    flat = bytes([255, *([0] * (REGIONS - 2)), 51])
    found = kept.regions({name: Looked(bytes(MAX_TOKENS), flat) for name in ("dmlanet", "rnnca")})
    assert found is not None
    assert len(found["rnnca"]) == len(found["rnnca"][0]) == 7
    assert (found["rnnca"][0][0], found["rnnca"][6][6], found["rnnca"][3][3]) == (1.0, 0.2, 0.0)
