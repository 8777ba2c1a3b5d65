"""What receivers over HTTP do with every answer a server may give, on real servers."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Event

import pytest

from services.alerts.notify.discord import Discord
from services.alerts.notify.http import retry_after_s
from services.alerts.notify.port import Rejected, TryLater, Uncertain
from services.alerts.notify.reach import make_reach
from services.alerts.notify.slack import Slack
from services.alerts.notify.webhook import Webhook
from services.errors import UsageError
from tests.integration.hooked import SECRET, reach, slack, webhook
from tests.servers.local import free_port
from tests.simulators.hook import Answer, Hook
from tests.unit.alerts.messages import NOW, message

pytestmark = pytest.mark.integration
PATH_SECRET = "secret-path"


def test_slack_gets_json_with_title_colour_and_posts() -> None:
    with Hook() as hook:
        slack(hook).send(message())
    (asked,) = hook.asked
    assert asked.path == "/services/T0/B0/secret-path"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["host"] == f"127.0.0.1:{hook.port}"
    body = json.loads(asked.body)
    assert body["text"] == "*acme: 46% of posts are negative, 21% is usual*"
    assert body["attachments"][0]["color"] == "#c62828"


def test_discord_gets_the_picture_beside_the_embed() -> None:
    picture = b"\xff\xd8\xff--not really a picture\r\n"
    with Hook(Answer(200, b"{}")) as hook:
        Discord(hook.url("/api/webhooks/1/token"), reach()).send(message(picture=picture))
    (asked,) = hook.asked
    assert asked.path == "/api/webhooks/1/token?wait=true"
    boundary = asked.headers["content-type"].partition("boundary=")[2].encode()
    _, document, file, end = asked.body.split(b"--" + boundary)
    assert end == b"--\r\n"
    assert file.endswith(b"\r\n\r\n" + picture + b"\r\n")
    embed = json.loads(document.partition(b"\r\n\r\n")[2])["embeds"][0]
    assert embed["image"] == {"url": "attachment://picture.jpg"}


def test_webhook_is_signed_as_standard_webhooks_has_it() -> None:
    with Hook(Answer(204, b"")) as hook:
        webhook(hook).send(message())
    (asked,) = hook.asked
    assert asked.headers["idempotency-key"] == "a1b2c3d4e5f60718:1"
    assert asked.headers["webhook-id"] == "a1b2c3d4e5f60718:1"
    assert asked.headers["webhook-timestamp"] == str(NOW // 1000)
    signed = f"a1b2c3d4e5f60718:1.{NOW // 1000}.".encode() + asked.body
    expected = b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert asked.headers["webhook-signature"] == f"v1,{expected}"
    body = json.loads(asked.body)
    assert body["schema"] == "undertone.alert/1"
    assert body["alert"]["topic"] == "acme"
    assert body["alert"]["phrases"][0]["text"] == "battery"
    assert body["posts"][0]["author"] == "ann"
    assert body["picture"] is None


def test_webhook_secret_may_be_one_of_standard_webhooks() -> None:
    key = b"24 bytes that were drawn"
    with Hook() as hook:
        given = "whsec_" + b64encode(key).decode()
        Webhook(hook.url(), given, reach(), lambda: NOW).send(message(picture=b"\xff\xd8\xff"))
    (asked,) = hook.asked
    signed = f"a1b2c3d4e5f60718:1.{NOW // 1000}.".encode() + asked.body
    expected = hmac.new(key, signed, hashlib.sha256).digest()
    assert b64decode(asked.headers["webhook-signature"].removeprefix("v1,")) == expected
    assert b64decode(json.loads(asked.body)["picture"]["base64"]) == b"\xff\xd8\xff"
    with pytest.raises(UsageError, match="base64"):
        Webhook("https://h.test", "whsec_not base64", reach(), lambda: NOW)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_good_answer_is_the_end_of_it(status: int) -> None:
    with Hook(Answer(status, b"")) as hook:
        slack(hook).send(message())
    assert len(hook.asked) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "invalid_blocks"),
        (401, "credentials"),
        (403, "credentials"),
        (404, "was the webhook removed"),
        (410, "was the webhook removed"),
        (413, "too large"),
        (302, "redirects are not followed"),
        (307, "redirects are not followed"),
    ],
)
def test_what_will_never_be_taken_is_rejected(status: int, said: str) -> None:
    moved = {"Location": "http://127.0.0.1:1/elsewhere"} if status in (302, 307) else {}
    answer = Answer(status, b"invalid_blocks", moved)
    with Hook(answer) as hook, pytest.raises(Rejected, match=said) as caught:
        slack(hook).send(message())
    assert len(hook.asked) == 1
    assert f"answers {status}" in str(caught.value)
    assert PATH_SECRET not in str(caught.value)


@pytest.mark.parametrize(("status", "after", "expected"), [
    (429, "7", 7.0),
    (429, "0.65", 0.65),
    (429, "junk", 0.0),
    (503, "120", 120.0),
    (503, "9999999", 3600.0),
    (500, "", 0.0),
    (408, "", 0.0),
])  # fmt: skip
def test_what_may_work_later_says_when(status: int, after: str, expected: float) -> None:
    answer = Answer(status, b"", {"Retry-After": after} if after else {})
    with Hook(answer) as hook, pytest.raises(TryLater, match=f"answers {status}") as caught:
        slack(hook).send(message())
    assert caught.value.after_s == expected


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=90), usegmt=True)
    fields = {"retry-after": later, "date": format_datetime(now, usegmt=True)}
    assert retry_after_s(fields) == 90.0
    assert retry_after_s(fields | {"retry-after": "-5"}) == 0.0
    assert retry_after_s(fields | {"retry-after": "nan"}) == 0.0
    assert retry_after_s({"retry-after": "Tue, 99 Foo"}) == 0.0


@pytest.mark.parametrize("way", ["hang", "close", "drip"])
def test_without_an_answer_it_is_uncertain_where_repeats_show(way: str) -> None:
    with Hook(Answer(way=way), Answer(way=way)) as hook:  # type: ignore[arg-type]
        began = time.monotonic()
        with pytest.raises(Uncertain, match="may have the message") as caught:
            slack(hook, timeout_s=1.0).send(message())
        assert time.monotonic() - began < 10
        assert PATH_SECRET not in str(caught.value)
        with pytest.raises(TryLater, match="no answer"):
            webhook(hook, timeout_s=1.0).send(message())
    assert len(hook.asked) == 2


def test_a_gateway_that_gave_up_leaves_it_uncertain() -> None:
    with Hook(Answer(504), Answer(504)) as hook:
        with pytest.raises(Uncertain):
            slack(hook).send(message())
        with pytest.raises(TryLater):
            webhook(hook).send(message())


def test_nobody_there() -> None:
    port = free_port()
    with pytest.raises(TryLater, match="can't be reached"):
        Slack(f"http://127.0.0.1:{port}/x", reach()).send(message())


def test_private_addresses_want_the_operators_word() -> None:
    with Hook() as hook:
        for host in ("127.0.0.1", "hook.test"):
            with pytest.raises(TryLater, match="notify_private_addresses = true") as caught:
                Slack(hook.url(host=host), reach(private=False)).send(message())
            assert PATH_SECRET not in str(caught.value)
        assert hook.asked == []
        Slack(hook.url(host="hook.test"), reach()).send(message())
    assert hook.asked[0].headers["host"] == f"hook.test:{hook.port}"


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "0.0.0.0",
        "fe80::1",
        "224.0.0.1",
        "100.100.100.200",
        "fd00:ec2::254",
        "fd20:ce::254",
    ],
)
def test_metadata_services_are_never_reached(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    receiver = Slack(f"http://{host}/latest", reach())
    with pytest.raises(TryLater, match=r"not public|metadata"):
        receiver.send(message())


def test_a_resolver_that_sleeps_costs_no_more_than_the_deadline() -> None:
    over = Event()

    def resolver(host: str, port: int) -> list[str]:
        over.wait(30)
        return ["127.0.0.1"]

    began = time.monotonic()
    with pytest.raises(TryLater, match="in time"):
        Slack("http://slow.test/x", make_reach(True, None, 0.2, resolver)).send(message())
    assert time.monotonic() - began < 10
    over.set()


def test_an_endless_answer_is_not_read() -> None:
    with Hook(Answer(400, b"x" * 10_000_000)) as hook, pytest.raises(Rejected) as caught:
        slack(hook).send(message())
    assert len(str(caught.value)) < 400
