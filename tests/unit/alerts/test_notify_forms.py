"""The forms of Slack, Discord, Alertmanager, e-mail and the terminal, whatever stands in them."""

from __future__ import annotations

import io
import json
import re
from base64 import b64encode
from dataclasses import replace
from email.headerregistry import Address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.alerts.notify import alertmanager, discord, mail, slack, webhook
from services.alerts.notify.forms import fit, masked, printable, size
from services.alerts.notify.port import Fact, Message, ShownPost
from services.alerts.notify.smtp import Mailbox
from services.alerts.notify.terminal import Terminal
from services.store.alerts import RisingPhrase
from services.topics.rules import RECEIVERS
from tests.unit.alerts.messages import NOW, WHY, message

QUICK = settings(max_examples=40, deadline=None)
ODD = "abc &<>*_~`|[]()@#\\-+:\"'{}\u202e\u200b\n\r\t\x1b\x00é字🤮👩‍👩‍👧"
TEXT = st.text(st.one_of(st.sampled_from(ODD), st.characters(codec="utf-8")), max_size=200)
LONG = st.one_of(TEXT, st.builds(lambda t, n: t * n, TEXT, st.integers(1, 60)))
URLS = st.one_of(st.just(""), st.builds(lambda t: f"https://x.test/{t}", LONG), TEXT)
POSTS = st.builds(
    ShownPost,
    id=TEXT,
    text=LONG,
    author=LONG,
    label=st.sampled_from(("negative", "neutral", "positive")),
    score=st.floats(-1, 1),
    created_at_ms=st.just(NOW),
    url=URLS,
)


@st.composite
def messages(draw: Any) -> Message:
    return replace(
        message(draw(st.sampled_from(("opened", "worsened", "resolved")))),
        title=draw(LONG) or "a title",
        text=draw(LONG),
        facts=tuple(draw(st.lists(st.builds(Fact, LONG, LONG), max_size=30))),
        posts=tuple(draw(st.lists(POSTS, max_size=8))),
        picture=draw(st.sampled_from((None, b"\xff\xd8\xff"))),
        link=draw(URLS),
    )


@QUICK
@given(messages())
def test_slack_keeps_its_limits(given_message: Message) -> None:
    """Block Kit's, and what Slack was seen to refuse as too long in all."""
    found = slack.payload(given_message)
    (attachment,) = found["attachments"]
    blocks = attachment["blocks"]
    assert 0 < size(found["text"]) <= 3_000
    assert len(blocks) <= 50
    assert size(json.dumps(blocks, ensure_ascii=False)) < 13_000
    for block in blocks:
        texts = [block["text"]] if "text" in block else []
        texts += block.get("fields", [])
        texts += block.get("elements", [])
        assert len(block.get("fields", [])) <= 10
        assert len(block.get("elements", [])) <= 10
        assert texts
        for text in texts:
            assert 0 < size(text["text"]) <= (2_000 if text in block.get("fields", []) else 3_000)
            assert text["type"] in ("mrkdwn", "plain_text")
            assert set(text) == {
                "type",
                "text",
                "emoji" if text["type"] == "plain_text" else "verbatim",
            }


@QUICK
@given(messages())
def test_slack_reads_no_mark_up_of_strangers(given_message: Message) -> None:
    """What is marked up has no `<` but those of our own links, and strangers' words are plain."""
    for block in slack.payload(given_message)["attachments"][0]["blocks"]:
        for text in (block.get("text"), *block.get("fields", []), *block.get("elements", [])):
            if text and text["type"] == "mrkdwn":
                rest = re.sub(
                    r"<https?://[^<>|]*\|(open|Open this moment on the dashboard)>",
                    "",
                    text["text"],
                )
                assert "<" not in rest
                assert ">" not in rest


@QUICK
@given(messages())
def test_discord_keeps_its_limits(given_message: Message) -> None:
    found = discord.payload(given_message)
    assert found["allowed_mentions"] == {"parse": []}
    (embed,) = found["embeds"]
    assert 0 < size(embed["title"]) <= 256
    assert size(embed["description"]) <= 4_096
    assert size(embed["footer"]["text"]) <= 2_048
    assert len(embed["fields"]) <= 25
    total = size(embed["title"]) + size(embed["description"]) + size(embed["footer"]["text"])
    for field in embed["fields"]:
        assert 0 < size(field["name"]) <= 256
        assert 0 < size(field["value"]) <= 1_024
        total += size(field["name"]) + size(field["value"])
    assert total <= 6_000
    assert embed.get("url", "https://x").startswith(("http://", "https://"))


def test_discord_escapes_markdown() -> None:
    words = "**bold** [a](http://evil.test) @everyone <@1> `code` # head"
    post = replace(message().posts[0], text=words, url="")
    embed = discord.payload(replace(message(), posts=(post,)))["embeds"][0]
    shown = embed["fields"][-1]["value"]
    assert shown == (
        r"“\*\*bold\*\* \[a\]\(http\://evil.test\) \@everyone \<\@1\> \`code\` \# head”"
    )


@QUICK
@given(messages())
def test_alertmanager_gets_what_its_api_takes(given_message: Message) -> None:
    """`postableAlert` of its openapi.yaml, and the rules of label names and times in its code."""
    found = alertmanager.alert(given_message, NOW + 3_600_000)
    assert set(found) <= {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
    for names in (found["labels"], found["annotations"]):
        assert names
        for name, value in names.items():
            assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name)
            assert isinstance(value, str)
            assert value
    assert found["startsAt"] <= found["endsAt"]
    for time in (found["startsAt"], found["endsAt"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)


def test_alertmanagers_templates_pass_on_no_mark_up_of_strangers() -> None:
    """Slack would call everybody."""
    words = "<!channel> <https://evil.test|free> & more"
    post = ShownPost("x:1", words, "<@U1>", "negative", -0.9, NOW)
    why = structs.replace(WHY, phrases=(RisingPhrase("<!here>", 0.5, 0.0, 9.0),))
    found = alertmanager.alert(message(posts=(post,), explanation=why), NOW)["annotations"]
    assert found["post_1"] == "‹@U1›: ‹!channel› ‹https://evil.test|free› & more"
    assert "‹!here›" in found["description"]
    assert not any(sign in value for value in found.values() for sign in "<>")


def test_labels_of_an_alert_never_change() -> None:
    labels = [
        alertmanager.alert(message(kind), NOW)["labels"]
        for kind in ("opened", "worsened", "resolved")
    ]
    assert labels[0] == labels[1] == labels[2]


@QUICK
@given(messages())
def test_an_email_is_well_formed(given_message: Message) -> None:
    to = (Address("", "team", "example.com"),)
    found = mail.compose(given_message, Address("", "undertone", "example.com"), to, NOW)
    wire = found.as_bytes()
    assert b"\x00" not in wire
    assert "\n" not in found["Subject"]
    html = found.get_body(("html",))
    assert html is not None
    page = html.get_content()
    allowed = {"html", "body", "div", "h2", "h3", "p", "table", "tr", "td", "blockquote", "br"}
    allowed |= {"span", "a", "img"}
    assert set(re.findall(r"</?([a-z0-9]+)", page)) <= allowed
    assert not re.search(r'href="(?!https?://|\s*")', page)


@QUICK
@given(messages())
def test_the_terminal_gets_no_control_characters(given_message: Message) -> None:
    out = io.StringIO()
    Terminal(out).send(given_message)
    shown = out.getvalue()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)


@QUICK
@given(messages())
def test_the_webhooks_document_is_json(given_message: Message) -> None:
    found = webhook.document(given_message)
    assert set(found) == {
        "schema", "id", "event", "sequence", "title", "text", "link", "alert", "facts", "posts",
        "picture",
    }  # fmt: skip
    for internal in ("calm_ms", "told", "owed", "tell"):
        assert internal not in found["alert"]


@given(TEXT, st.integers(1, 50))
def test_what_is_cut_fits_and_says_so(text: str, most: int) -> None:
    found = fit(text, most, lambda c: f"\\{c}" if c in "*_" else c)
    assert size(found) <= most
    whole = re.sub(r"([*_])", r"\\\1", text)
    assert found == whole or found.endswith("…")


def test_no_form_of_a_password_is_repeated() -> None:
    box = Mailbox("mail.test", Address(), (), user="me", password="hush, hush")
    plain = b64encode(b"\0me\0hush, hush").decode()
    login = b64encode(b"hush, hush").decode()
    said = masked(f"535 {plain} or {login} or hush, hush are wrong", box.secrets)
    assert said == "535 … or … or … are wrong"
    assert masked("anything", Mailbox("mail.test", Address(), ()).secrets) == "anything"


def test_printable_is_one_line() -> None:
    assert printable("a\n\u202eb \x1b[31m\tc") == "a b [31m c"


@pytest.mark.parametrize("receiver", [slack.Slack, discord.Discord, webhook.Webhook])
def test_names_are_those_that_rules_use(receiver: Any) -> None:
    assert receiver.name in RECEIVERS
