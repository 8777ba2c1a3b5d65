"""Key names, and what they rest on."""

from __future__ import annotations

from services.store import schema


def test_all_keys_of_a_topic_share_a_slot_whatever_its_name() -> None:
    for topic in ("brand", "a}b", "a{b", "ünïcode ☂", "a/b:c"):
        prefix = schema.topic_prefix("live", topic)
        assert prefix.startswith("ut:{live/")
        tag = prefix[prefix.index("{") + 1 : prefix.index("}")]
        assert tag  # an empty tag would scatter the keys


def test_digests_are_short_and_apart() -> None:
    digests = {schema.digest(f"x:{number}") for number in range(20_000)}
    assert len(digests) == 20_000
    assert {len(digest) for digest in digests} == {11}
    assert schema.digest("\ud800") != schema.digest("?")
