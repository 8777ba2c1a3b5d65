"""An alert in plain words: what happened, how bad, since when, why. Pure; times in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from services.store.alerts import OPENED, RESOLVED, WORSENED, Alert, AlertEvent

MINUTE_MS: Final = 60_000
PHRASES: Final = 5
WEEKS_A_YEAR: Final = 365.25 / 7
LONG_YEARS: Final = 10
MINUS: Final = "\u2212"


def title(event: AlertEvent) -> str:
    """One line that stands alone."""
    alert = event.alert
    if event.kind == RESOLVED:
        return f"{alert.topic}: over after {span(_end(alert) - alert.onset_ms)}"
    worse = "getting worse, " if event.kind == WORSENED else ""
    return f"{alert.topic}: {worse}{_observed(alert)}, {_compared(alert)}"


def text(event: AlertEvent) -> str:
    """A few sentences, a paragraph a line."""
    return "\n".join(" ".join(part) for part in _paragraphs(event) if part)


def facts(event: AlertEvent) -> Iterator[tuple[str, str]]:
    """Names and values, for those who look rather than read."""
    alert, why = event.alert, event.alert.explanation
    yield "Now" if event.kind != RESOLVED else "Last seen", _figure(alert, alert.observed)
    yield "Limit" if _is_threshold(alert) else "Usual", _usual(alert)
    if alert.peak_observed != alert.observed or event.kind == RESOLVED:
        yield "Peak", f"{_figure(alert, alert.peak_observed)}, {clock(alert.peak_ms)}"
    yield "Since", f"{day(alert.onset_ms)} ({span(_end(alert) - alert.onset_ms)})"
    if why.posts:
        yield "Posts", f"{_number(why.posts, 'post')} by {_number(why.authors, 'author')}"
        yield "Reposts", f"{why.repost_share:.0%} of the posts"


def _paragraphs(event: AlertEvent) -> Iterator[list[str]]:
    alert = event.alert
    if event.kind == RESOLVED:
        yield [_over(alert)]
        return
    yield [_what(alert), _began(alert)]
    why = list(_why(alert))
    yield why
    if event.kind == OPENED and alert.per_week is not None:
        yield [f"On a calm topic that happens {rarity(alert.per_week)}."]


def _what(alert: Alert) -> str:
    """The figures, in a sentence."""
    value, posts = alert.observed, _number(alert.posts, "post")
    if alert.measure == "negative_share":
        seen = f"{alert.negative} of the last {posts} are negative ({share(value)})"
    elif alert.measure == "mean_score":
        seen = f"the mean score of the last {posts} is {score(value)}, from {MINUS}1 to +1"
    elif alert.measure == "negative_volume":
        seen = f"there were {_number(round(value), 'negative post')} among the last {posts}"
    else:
        seen = f"{_number(round(value), 'post')} were counted"
    if _is_threshold(alert):
        return f"{seen[0].upper()}{seen[1:]}; the limit is {_value(alert, alert.expected)}."
    return f"{seen[0].upper()}{seen[1:]}. At this hour {_usual(alert)} is usual."


def _began(alert: Alert) -> str:
    if _is_threshold(alert) and alert.state == "open":
        return f"That is from {clock(alert.onset_ms)} to {clock(alert.changed_ms)}."
    lasted = span(alert.changed_ms - alert.onset_ms)
    return f"It began at {clock(alert.onset_ms)}, {lasted} earlier."


def _why(alert: Alert) -> Iterator[str]:
    why = alert.explanation
    if why.phrases:
        told = ", ".join(
            f"“{p.text}” ({share(p.now)} of the authors, {_earlier(p.before)} the day before)"
            for p in why.phrases[:PHRASES]
        )
        yield f"New in the posts: {told}."
    if why.cascade:
        yield why.cascade


def _earlier(before: float) -> str:
    return share(before) if before else "none"


def _over(alert: Alert) -> str:
    """How it ended, and how bad it had been."""
    peak = f"{_value(alert, alert.peak_observed)} at {clock(alert.peak_ms)}"
    now = f"{_noun(alert)} is {_value(alert, alert.observed)}"
    usual = "the limit is" if _is_threshold(alert) else "usual is"
    return (
        f"What began at {clock(alert.onset_ms)} is over: {now}, {usual} {_usual(alert)}. "
        f"At its worst it was {peak}."
    )


# -- figures ----------------------------------------------------------------------------


def _observed(alert: Alert) -> str:
    """For the title."""
    value = _value(alert, alert.observed)
    return {
        "negative_share": f"{value} of posts are negative",
        "negative_volume": f"{value} negative posts{_window(alert)}",
        "posts": f"{value} posts{_window(alert)}",
        "mean_score": f"mood at {value}",
    }[alert.measure]


def _compared(alert: Alert) -> str:
    expected = _value(alert, alert.expected)
    if not _is_threshold(alert):
        return f"{expected} is usual"
    return f"{'above' if alert.observed > alert.expected else 'below'} the limit of {expected}"


def _window(alert: Alert) -> str:
    """As it opens, what is counted reaches back to its beginning; later it need not."""
    lasted = max(MINUTE_MS, alert.changed_ms - alert.onset_ms)
    return f" in {span(lasted)}" if alert.state == "open" else ""


def _noun(alert: Alert) -> str:
    return {
        "negative_share": "the share of negative posts",
        "negative_volume": "the number of negative posts",
        "posts": "the number of posts",
        "mean_score": "the mean score",
    }[alert.measure]


def _figure(alert: Alert, value: float) -> str:
    shown = _value(alert, value)
    return {
        "negative_share": f"{shown} negative",
        "negative_volume": f"{shown} negative posts",
        "posts": f"{shown} posts",
        "mean_score": f"mean score {shown}",
    }[alert.measure]


def _usual(alert: Alert) -> str:
    expected = _value(alert, alert.expected)
    if _is_threshold(alert):
        return expected
    low, high = _value(alert, alert.low), _value(alert, alert.high)
    return expected if low == high else f"{expected} ({low} to {high})"


def _value(alert: Alert, value: float) -> str:
    """In the unit of what is measured."""
    if alert.measure == "negative_share":
        return share(value)
    if alert.measure == "mean_score":
        return score(value)
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"


def _is_threshold(alert: Alert) -> bool:
    return alert.per_week is None


def _end(alert: Alert) -> int:
    return alert.changed_ms if alert.resolved_ms is None else alert.resolved_ms


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def share(value: float) -> str:
    """46%, 0.4%."""
    percent = 100 * value
    return f"{percent:.1f}%" if 0 < percent < 1 else f"{percent:.0f}%"


def score(value: float) -> str:
    return f"{value:+.2f}".replace("-", MINUS)


def span(ms: int) -> str:
    """Roughly how long: 12 minutes, 3 hours 5 minutes, 2 days."""
    minutes = max(0, round(ms / MINUTE_MS))
    hours, days = minutes // 60, minutes // 1440
    if minutes < 60:
        return _number(minutes, "minute")
    if days >= 2:
        return _number(days, "day")
    rest = f" {_number(minutes % 60, 'minute')}" if minutes % 60 else ""
    return _number(hours, "hour") + rest


def rarity(per_week: float) -> str:
    """How often a calm topic shows this."""
    if per_week >= 1:
        return f"about {per_week:.0f} times a week" if per_week >= 1.5 else "about once a week"
    weeks = 1 / per_week if per_week > 0 else float("inf")
    if weeks < WEEKS_A_YEAR:
        return f"about once in {weeks:.0f} weeks"
    years = weeks / WEEKS_A_YEAR
    if years <= LONG_YEARS:
        return f"about once in {years:.0f} years" if years >= 1.5 else "about once a year"
    return f"less than once in {LONG_YEARS} years"


def clock(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%H:%M} UTC"


def day(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%a %d %b %Y, %H:%M} UTC"
