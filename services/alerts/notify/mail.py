"""An alert as an e-mail: plain text, HTML, and the picture inside.

Every event has a Message-ID of its own that never changes, so that a repeat is dropped by
whoever keeps mail; later events refer to the first, so that mail programs show one thread.
The subject of a thread stays the same, as some of them part threads by subject.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import Final

from services.alerts.notify.forms import byline, colour, fit, footer, moment, printable, web
from services.alerts.notify.port import Message, ShownPost

SUBJECTS: Final = {
    "negative_share": "a larger share of negative posts than usual",
    "negative_volume": "more negative posts than usual",
    "sentiment_drop": "the mood is lower than usual",
}
MAX_SUBJECT: Final = 200
PICTURE_ID: Final = "picture@undertone"
_FONT: Final = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"


def compose(
    message: Message, sender: Address, recipients: tuple[Address, ...], now_ms: int
) -> EmailMessage:
    """The whole e-mail, ready to be sent."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = recipients
    mail["Date"] = format_datetime(moment(now_ms))
    mail["Subject"] = subject(message)
    mail["Message-ID"] = _message_id(message, sender.domain)
    if not _is_first(message):
        first = _message_id(message, sender.domain, first=True)
        mail["In-Reply-To"] = first
        mail["References"] = first
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if message.event.alert.severity == "critical" and message.event.kind != "resolved":
        mail["Importance"] = "high"
    mail.set_content(_plain(message))
    mail.add_alternative(_html(message), subtype="html")
    if message.picture is not None:
        _attach(mail, message.picture)
    return mail


def subject(message: Message) -> str:
    """What stays the same of an alert."""
    alert = message.event.alert
    what = SUBJECTS.get(alert.kind, f"rule {alert.rule}")
    line = fit(printable(f"{alert.topic}: {what}"), MAX_SUBJECT)
    return line if _is_first(message) else f"Re: {line}"


def _is_first(message: Message) -> bool:
    return message.event.kind == "opened"


def _message_id(message: Message, domain: str, first: bool = False) -> str:
    """An alert opens once, though it may be told as another than its first change."""
    number = "" if first or _is_first(message) else f".{message.event.sequence}"
    return f"<alert-{message.event.alert.id}{number}@{domain}>"


def _attach(mail: EmailMessage, picture: bytes) -> None:
    html = mail.get_body(("html",))
    if not isinstance(html, EmailMessage):
        raise TypeError("the e-mail has no HTML part")
    html.add_related(
        picture,
        maintype="image",
        subtype="jpeg",
        cid=f"<{PICTURE_ID}>",
        filename="picture.jpg",
        disposition="inline",
    )


def _plain(message: Message) -> str:
    facts = [f"{fact.name}: {printable(fact.value)}" for fact in message.facts]
    posts = [
        line
        for post in message.posts
        for line in (f"“{printable(post.text)}”", f"  {printable(byline(post))}  {post.url}", "")
    ]
    link = [f"Open this moment on the dashboard: {message.link}", ""] if message.link else []
    lines = [message.title, "", message.text, "", *facts, ""]
    lines += (["Posts that weigh most:", "", *posts] if posts else []) + link + [footer(message)]
    return "\n".join(lines) + "\n"


def _html(message: Message) -> str:
    return "".join(_pieces(message))


def _pieces(message: Message) -> Iterator[str]:
    """Styles stand in the elements: mail programs drop sheets of styles."""
    tint = f"#{colour(message):06x}"
    yield "<!doctype html>"
    yield f'<html><body style="margin:0;{_FONT};font-size:15px;line-height:1.45;color:#222">'
    yield f'<div style="max-width:640px;padding:16px 20px;border-left:6px solid {tint}">'
    yield f'<h2 style="margin:0 0 8px;font-size:19px;color:{tint}">{escape(message.title)}</h2>'
    for paragraph in message.text.splitlines():
        yield f'<p style="margin:0 0 8px">{escape(paragraph)}</p>'
    yield '<table role="presentation" style="border-collapse:collapse;margin:12px 0;'
    yield 'font-size:15px;line-height:1.45">'
    for fact in message.facts:
        yield '<tr><td style="padding:2px 16px 2px 0;color:#666;vertical-align:top">'
        yield f"{escape(fact.name)}</td><td>{escape(fact.value)}</td></tr>"
    yield "</table>"
    if message.posts:
        yield '<h3 style="margin:16px 0 8px;font-size:15px">Posts that weigh most</h3>'
        yield from map(_post, message.posts)
    if message.picture is not None:
        yield f'<p><img src="cid:{PICTURE_ID}" alt="{escape(message.picture_alt)}" '
        yield 'style="max-width:100%;height:auto"><br><span style="color:#666;font-size:13px">'
        yield f"{escape(message.picture_alt)}</span></p>"
    if web(message.link):
        yield f'<p><a href="{escape(message.link)}" style="color:{tint};font-weight:bold">'
        yield "Open this moment on the dashboard</a></p>"
    yield f'<p style="color:#888;font-size:12px">{escape(footer(message))}</p></div></body></html>'


def _post(post: ShownPost) -> str:
    link = f' · <a href="{escape(post.url)}">open</a>' if web(post.url) else ""
    return (
        '<blockquote style="margin:0 0 10px;padding:0 0 0 10px;border-left:3px solid #ddd">'
        f"{escape(printable(post.text))}<br>"
        f'<span style="color:#666;font-size:13px">{escape(byline(post))}{link}</span></blockquote>'
    )
