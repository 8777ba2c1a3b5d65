"""The stage of the inference hop: records of `posts` in, records of `scores` out.

Every batch in flight has a thread, which decodes, asks the networks and waits
for them; the worker writes the results in the order in which it submitted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from models.tokenizer import Tokenizer
from services.errors import BadRecord
from services.inference.cache import Cache
from services.inference.classifier import MAX_PAIRS, BadBatch, Classifier
from services.inference.pairs import Expanded, Expander, Score, mean
from services.inference.scorer import Scorer
from services.inference.watermarks import Watermarks
from services.metrics import BATCH_WAIT_SECONDS, MASKED, SCORED_SECONDS
from services.records import (
    MAX_WORDS,
    AnyRecord,
    Deletion,
    End,
    Post,
    Scored,
    Watermark,
    decode,
    encode,
    topic_key,
)
from services.stream.port import ALL_PARTITIONS, DeadLetter, Output, Record, Result

LANGUAGES = frozenset({"en"})
"""What the networks were trained on."""
UNKNOWN_LANGUAGES = frozenset({"", "und", "zxx", "art", "qam", "qct", "qht", "qme", "qst"})
"""Undetermined, no linguistic content, and X's own codes for tweets without words."""


@dataclass(frozen=True, slots=True)
class Options:
    """What may be set. Sizes count records; a post of several pictures is several pairs."""

    posts: str = "undertone.posts"
    scores: str = "undertone.scores"
    in_flight: int = 4
    max_pairs: int = 32
    """In one request to the networks."""
    cache_size: int = 50_000
    live: str | None = "live"
    """The namespace whose silent partitions are called idle; None in a replay."""
    idle_after_s: float = 30.0
    languages: frozenset[str] = LANGUAGES


class InferenceStage:
    """`services.stream.port.Stage`: scores each post once, one record a topic."""

    name = "inference"

    def __init__(
        self,
        classifier: Classifier,
        tokenizer: Tokenizer,
        options: Options,
        *,
        partitions: Callable[[], int],
        clock_ms: Callable[[], int],
    ) -> None:
        """`partitions` says how many the stream of posts has. The stage closes `classifier`."""
        self.stream = options.posts
        self.max_in_flight = options.in_flight
        self._classifier, self._tokenizer, self._options = classifier, tokenizer, options
        self._partitions, self._clock_ms = partitions, clock_ms
        self._checked = False
        self._cache: Cache[Score] = Cache(options.cache_size)
        self._scorer = Scorer(classifier, self._cache, min(options.max_pairs, MAX_PAIRS))
        self._marks = Watermarks(clock_ms, options.live, int(options.idle_after_s * 1000))
        self._runner = ThreadPoolExecutor(options.in_flight, thread_name_prefix="inference")

    def submit(self, records: Sequence[Record]) -> Future[Result]:
        batch, dead = _decoded(records)
        markers = self._marks.read([(r, batch.get(i)) for i, r in enumerate(records)])
        oldest = min((record.timestamp_ms for record in records), default=self._clock_ms())
        BATCH_WAIT_SECONDS.observe(max(0, self._clock_ms() - oldest) / 1000)
        return self._runner.submit(self._result, records, batch, dead, markers)

    def assigned(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """`Unavailable` while the networks are, `UsageError` where they are not those we know."""
        if not self._checked:
            self._classifier.check()
            self._checked = True
        self._marks.assigned(partitions, self._partitions())
        return {}

    def revoked(self, partitions: Sequence[int]) -> None:
        self._marks.revoked(partitions)

    def tick(self) -> Sequence[Output]:
        return [self._to_all(encode(marker)) for marker in self._marks.due()]

    def flush(self, positions: Mapping[int, int]) -> None:
        self._marks.settle(positions)

    def close(self) -> None:
        """Let the networks go, once they are done with what is in flight or have given it up."""
        self._runner.shutdown(wait=False, cancel_futures=True)
        self._classifier.close()
        self._runner.shutdown()

    def _result(
        self,
        records: Sequence[Record],
        batch: Mapping[int, AnyRecord],
        dead: Mapping[int, DeadLetter],
        markers: Sequence[Watermark],
    ) -> Result:
        posts = {i: value for i, value in batch.items() if isinstance(value, Post)}
        scored = self._score(list(posts.values()))
        by_index = dict(zip(posts, scored, strict=True))
        outputs: list[Output] = []
        refused: list[DeadLetter] = []
        arrived_ms: list[int] = []
        for index, record in enumerate(records):
            value = batch.get(index)
            if index in dead:
                refused.append(dead[index])
            elif isinstance(value, Post):
                try:
                    outputs += self._outputs(record, value, *by_index[index])
                    arrived_ms.append(record.timestamp_ms)
                except BadRecord as error:
                    refused.append(DeadLetter.of(record, error))
            elif isinstance(value, Deletion):
                outputs.append(self._to_all(record.value))
        outputs += [self._to_all(encode(marker)) for marker in markers]
        return Result(outputs, refused, partial(self._written, arrived_ms))

    def _written(self, arrived_ms: Sequence[int]) -> None:
        now = self._clock_ms()
        for each in arrived_ms:
            SCORED_SECONDS.observe(max(0, now - each) / 1000)

    def _score(self, posts: Sequence[Post]) -> list[tuple[Expanded, Score | BadBatch]]:
        expanded = Expander(self._tokenizer, self._cache).expand(posts)
        scores = self._scorer.score(pair for post in expanded for pair in post.pairs)
        return [(post, _post_score([scores[pair.key] for pair in post.pairs])) for post in expanded]

    def _outputs(
        self, record: Record, post: Post, expanded: Expanded, score: Score | BadBatch
    ) -> list[Output]:
        if isinstance(score, BadBatch):
            raise BadRecord("unscorable", f"the networks can't score this post: {score}")
        for reason in expanded.reasons:
            MASKED.labels(reason).inc()
        return [
            Output(self._options.scores, topic_key(post.namespace, topic), encode(one))
            for topic in post.topics
            for one in [_scored(record, post, topic, expanded, score, self._options.languages)]
        ]

    def _to_all(self, value: bytes | None) -> Output:
        return Output(self._options.scores, None, value, ALL_PARTITIONS)


def _decoded(
    records: Sequence[Record],
) -> tuple[dict[int, AnyRecord], dict[int, DeadLetter]]:
    """By index in `records`: what each says, or why it can't be read."""
    values: dict[int, AnyRecord] = {}
    dead: dict[int, DeadLetter] = {}
    for index, record in enumerate(records):
        try:
            value = decode(record.value)
            if not isinstance(value, Post | Deletion | End):
                raise BadRecord("unexpected_record", f"a {type(value).__name__} among the posts")
            values[index] = value
        except BadRecord as error:
            dead[index] = DeadLetter.of(record, error)
    return values, dead


def _post_score(scores: Sequence[Score | BadBatch]) -> Score | BadBatch:
    bad = [score for score in scores if isinstance(score, BadBatch)]
    return bad[0] if bad else mean([score for score in scores if isinstance(score, Score)])


def _scored(
    record: Record,
    post: Post,
    topic: str,
    expanded: Expanded,
    score: Score,
    languages: Collection[str],
) -> Scored:
    return Scored(
        id=post.id,
        namespace=post.namespace,
        topic=topic,
        created_at_ms=post.created_at_ms,
        arrived_at_ms=post.arrived_at_ms,
        label=score.label,
        score=score.units,
        dmlanet=score.dmlanet,
        rnnca=score.rnnca,
        picture_weight=score.picture_weight,
        has_image=expanded.has_image,
        has_text=expanded.has_text,
        partition=record.partition,
        offset=record.offset,
        author=post.author,
        author_name=post.author_name,
        lang=post.lang,
        kind=post.kind,
        url=post.url,
        original_id=post.original_id,
        text=post.text[:MAX_WORDS],
        picture_urls=tuple(picture.url for picture in post.pictures if picture.url),
        unseen_language=_unseen(post.lang, languages),
        masked_reason=",".join(expanded.reasons),
        attention=score.attention,
    )


def _unseen(lang: str, languages: Collection[str]) -> bool:
    """Whether `lang` (a BCP 47 tag, perhaps empty) names a language outside `languages`."""
    language = lang.lower().replace("_", "-").partition("-")[0]
    return language not in UNKNOWN_LANGUAGES and language not in languages
