"""What counts as rising, and what is noise."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from services.phrases import Phrase, own_words, rising
from services.terms import terms
from services.topics.parser import parse

WORDS = [f"word{n}" for n in range(60)]


@dataclass(frozen=True)
class Said:
    text: str
    author: str = ""


def chatter(count: int, seed: int, first: int = 0) -> list[Said]:
    """Posts that are about nothing in particular; each by an author of its own."""
    chance = random.Random(seed)
    return [
        Said(" ".join(chance.sample(WORDS, 6)), f"author{first + number}")
        for number in range(count)
    ]


def names(found: list[Phrase]) -> list[str]:
    return [phrase.text for phrase in found]


def test_what_is_new_is_found_and_nothing_else() -> None:
    fires = [Said(f"{p.text} battery caught fire #batterygate", p.author) for p in chatter(12, 3)]
    found = rising(chatter(60, 1, 100) + fires, chatter(500, 2, 1000))
    (best,) = found
    assert best.text.lower() in ("#batterygate", "battery caught", "caught fire"), (
        "one story, one phrase"
    )
    assert 0.1 < best.now < 0.2
    assert best.before == 0.0
    assert best.ratio > 50


def test_noise_is_not_shown() -> None:
    """The test is exact: of calm comparisons no more than 5 % may show anything."""
    shown = 0
    for seed in range(40):
        calm = rising(chatter(60, 2 * seed), chatter(400, 2 * seed + 1, 1000))
        shown += bool(calm)
    assert shown <= 3, shown


def test_a_word_that_was_frequent_before_rises_by_its_share() -> None:
    before = chatter(300, 1) + [Said("the battery again", f"b{n}") for n in range(30)]
    now = chatter(60, 2, 1000) + [Said("the battery again", f"n{n}") for n in range(40)]
    (found,) = rising(now, before)
    assert found.text == "battery"
    assert 0.3 < found.now < 0.5
    assert 0.05 < found.before < 0.15
    assert 3 < found.ratio < 6


def test_hashtags_are_shown_as_most_write_them() -> None:
    tags = ["#BatteryGate", "#BatteryGate", "#batterygate"]
    now = [Said(f"{tags[n % 3]} {p.text}", p.author) for n, p in enumerate(chatter(15, 1))]
    assert names(rising(now, chatter(200, 2, 1000))) == ["#BatteryGate"]


def test_one_author_is_one_voice() -> None:
    many = [Said(f"fire fire fire number {n}", "one loud author") for n in range(50)]
    assert rising(chatter(60, 1) + many, chatter(300, 2, 1000)) == []


def test_a_cascade_is_told_once() -> None:
    post = "never buy this phone because its battery melts overnight #meltdown"
    passed_on = [Said(post, f"r{n}") for n in range(30)]
    assert len(rising(chatter(60, 1) + passed_on, chatter(300, 2, 1000))) == 1


def test_nothing_is_said_without_a_baseline() -> None:
    assert rising(chatter(60, 1), []) == []
    assert rising([], chatter(60, 1)) == []
    assert rising([Said("")] * 5, [Said("")] * 5) == []


def test_words_of_the_query_are_news_only_where_they_are_new() -> None:
    own = own_words(parse("acme OR #acmedown"))
    before = [Said(f"{p.text} acme", p.author) for p in chatter(200, 1)]
    before += [Said(f"{p.text} #acmedown", p.author) for p in chatter(40, 2, 500)]
    now = [Said(f"{p.text} acme #acmedown", p.author) for p in chatter(40, 3, 1000)]
    assert "#acmedown" not in names(rising(now, before, own))
    assert names(rising(now, before[:200], own))[0] == "#acmedown"


def test_words_of_the_query_part_phrases() -> None:
    own = own_words(parse('(acme OR #acmephone OR "rocket boots" OR アクメ) lang:en -jobs'))
    assert {"acme", "#acme", "#acmephone", "acmephone", "rocket", "boots", "#rocketboots"} <= own
    assert "en" not in own
    found = terms("Acme rocket boots burn #acme #fire アクメ電話", own)
    assert found == {"acme", "rocket", "boots", "burn", "#acme", "#fire", "電話"}


def test_what_is_a_term() -> None:
    assert terms("The battery, it IS on fire!") == {"battery", "fire"}
    assert terms("hot battery hot") == {"hot", "battery", "hot battery", "battery hot"}
    assert terms("great. battery") == {"great", "battery"}, "phrases end with the sentence"
    assert terms("see https://x.test/battery @battery #Feuer 12 404") == {"#feuer", "404"}
    assert terms("🤮 no") == {"🤮"}
    assert terms("ich habe die Nase voll") == {"nase", "voll", "nase voll"}


def test_scripts_without_spaces() -> None:
    assert terms("新しいスマホのバッテリー爆発した") == {
        "スマホ",
        "バッテリー",
        "爆発",
        "バッテリー爆発",
    }
    assert {"手机", "电池", "爆炸", "电池爆炸"} <= terms("手机电池爆炸")
    assert terms("배터리 폭발") == {"배터리", "폭발", "배터리 폭발"}
    posts = [Said(f"手机电池爆炸{n}号", f"a{n}") for n in range(12)]
    before = [Said("买了手机很好", f"b{n}") for n in range(200)]
    assert names(rising(posts, before))[0] == "手机电池爆炸"
    thai = terms("แบตเตอรี่")
    assert all(not term.startswith(("\u0e35", "\u0e48")) for term in thai), (
        "marks keep their letter"
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=12), st.lists(st.text(max_size=60), max_size=12))
def test_any_text_is_taken(now: list[str], before: list[str]) -> None:
    found = rising([Said(t) for t in now], [Said(t) for t in before])
    assert all(0 <= p.before < p.now <= 1 and p.ratio >= 1.5 for p in found)


def test_ten_thousand_posts_take_little_time() -> None:
    """A bound against going quadratic, not a measurement."""
    assert rising(chatter(3_000, 1), chatter(7_000, 2, 10_000)) == []
