"""Who wrote, what is new, which posts weigh most: from given evidence."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from services.alerts.explain import Evidence, explain, moment_link
from services.store.alerts import PostRef
from services.store.posts import KeptPost
from tests.unit.alerts.messages import NOW, alert

_number = iter(range(10**9))


def kept(text: str = "all is well", **changes: Any) -> KeptPost:
    number = next(_number)
    given: dict[str, Any] = {
        "id": f"x:{number}",
        "created_at_ms": NOW - 60_000 + number,
        "label": 2,
        "score": 4_000,
        "text": f"{text} {number}",
        "url": "",
        "author": f"author{number}",
        "author_name": "",
        "lang": "en",
        "kind": "post",
        "picture_urls": (),
    }
    return KeptPost(**given | changes)


def bad(text: str = "it is broken", **changes: Any) -> KeptPost:
    return kept(text, **{"label": 0, "score": -8_000} | changes)


def why(now: list[KeptPost], before: list[KeptPost] | None = None, **given: Any) -> Any:
    measure = given.pop("measure", "negative_share")
    evidence = Evidence(
        count=given.get("count", len(now)),
        reposts=given.get("reposts", 0),
        authors=given.get("authors", len({p.author for p in now})),
        now=now,
        before=before or [],
        heaviest=given.get("heaviest", []),
    )
    return explain(evidence, alert(measure=measure), frozenset({"acme"}), "a link")


def test_counts_are_those_of_the_store() -> None:
    found = why([bad() for _ in range(10)], count=140, reposts=35, authors=118)
    assert (found.posts, found.authors, found.repost_share) == (140, 118, 0.25)
    assert found.top_author_share == 0.1
    assert found.cascade == ""
    assert found.link == "a link"


def test_without_posts_nothing_is_claimed() -> None:
    found = why([])
    assert (found.posts, found.repost_share, found.top_author_share) == (0, 0.0, 0.0)
    assert (found.cascade, found.phrases, found.top_posts) == ("", (), ())


def test_one_author_behind_it_is_said() -> None:
    found = why([bad(author="angry") for _ in range(9)] + [bad()] + [kept() for _ in range(20)])
    assert found.cascade == "One author wrote 90% of the negative posts."
    assert found.top_author_share == 0.3


def test_a_cascade_is_said() -> None:
    passed_on = [bad(kind="repost", original_id="x:original") for _ in range(7)]
    found = why(passed_on + [bad() for _ in range(3)] + [kept() for _ in range(30)])
    assert found.cascade == "70% of the negative posts are reposts of one post."
    two = [bad(kind="repost", original_id=f"x:o{n % 2}") for n in range(8)]
    found = why(two + [bad() for _ in range(2)])
    assert found.cascade == "80% of the negative posts are reposts of 2 posts."
    many = [bad(kind="repost", original_id=f"x:o{n}") for n in range(10)]
    assert why(many).cascade == ""


def test_replies_to_one_post_are_no_cascade() -> None:
    assert why([bad(kind="reply", original_id="x:o") for _ in range(10)]).cascade == ""


def test_of_few_posts_nothing_is_said_about_their_authors() -> None:
    found = why([bad(author="angry") for _ in range(5)])
    assert (found.cascade, found.top_author_share) == ("", 0.0)


def test_a_threshold_on_posts_is_about_all_of_them() -> None:
    found = why([kept(author="busy") for _ in range(10)], measure="posts")
    assert found.cascade == "One author wrote 100% of the posts."
    assert len(found.top_posts) == 1


def test_the_heaviest_negative_posts_lead_each_author_and_text_once() -> None:
    strongest = bad(score=-9_900)
    now = [
        strongest,
        bad(score=-9_800, author=strongest.author),
        bad(score=-9_700, text="same", kind="repost", original_id="x:o"),
        bad(score=-9_600, kind="repost", original_id="x:o"),
        kept(score=9_999),
        *[bad(score=-5_000 + n) for n in range(10)],
    ]
    stored = bad(score=-9_950)
    found = why(now, heaviest=[stored, strongest])
    assert found.top_posts[0] == PostRef(stored.id, stored.created_at_ms, -0.995, 0)
    scores = [ref.score for ref in found.top_posts]
    assert scores == [-0.995, -0.99, -0.97, -0.5, -0.4999]
    assert all(ref.label == 0 for ref in found.top_posts)


def test_of_equals_the_one_with_a_picture_leads() -> None:
    plain, pictured = bad(), bad(has_image=True)
    assert [ref.id for ref in why([plain, pictured]).top_posts] == [pictured.id, plain.id]


def test_phrases_are_new_against_the_day_before() -> None:
    before = [kept("sunny coffee morning") for _ in range(200)]
    found = why([bad("acme battery melted") for _ in range(15)] + before[:30], before)
    assert [phrase.text for phrase in found.phrases] == ["battery melted"]
    assert found.phrases[0].before == 0.0


def test_the_link_shows_the_time_around_it() -> None:
    link = moment_link("https://u.example/base/", "live", "rock & roll/1", NOW - 60_000, NOW)
    found = urlsplit(link)
    assert found.path == "/base/topic/rock%20%26%20roll%2F1"
    span = {name: values[0] for name, values in parse_qs(found.query).items()}
    assert span == {
        "namespace": "live",
        "from": str(NOW - 60_000 - 7_200_000),
        "to": str(NOW + 1_800_000),
    }
    assert moment_link("", "live", "acme", 0, 1) == ""
