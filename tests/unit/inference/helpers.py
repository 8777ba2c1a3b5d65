"""What tests of the inference hop share: posts, pictures, a classifier that does as it is told."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np
from PIL import Image

from models.signature import SENTIMENT
from services.errors import UndertoneError
from services.inference.classifier import Batch, Verdicts
from services.records import AnyRecord, Picture, Post, encode
from services.stream.port import Record

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "poison", "day", "cat"]


def jpeg(colour: tuple[int, int, int] = (200, 30, 30), size: tuple[int, int] = (320, 400)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def post(number: int = 1, text: str = "good day", **fields: object) -> Post:
    known: dict[str, object] = {
        "id": f"x:{number}",
        "namespace": "live",
        "platform": "x",
        "created_at_ms": 1_700_000_000_000 + number * 1_000,
        "arrived_at_ms": 1_700_000_000_500 + number * 1_000,
        "text": text,
        "topics": ("brand",),
        "lang": "en",
        "pictures": (
            Picture(jpeg((number * 40 % 256, 90, number)), url=f"https://a.example/{number}.jpg"),
        ),
    }
    return Post(**(known | fields))  # type: ignore[arg-type]


def record(value: AnyRecord | bytes | None, offset: int = 0, partition: int = 0) -> Record:
    """A record of `posts`, appended at the time of its offset."""
    data = value if isinstance(value, bytes | None) else encode(value)
    return Record("posts", partition, offset, None, data, 1_700_000_000_000 + offset)


class Told:
    """A classifier without networks: probabilities follow the batch, faults follow `fault`.

    DMLANet's P(positive) is the mean of the picture in 0..1, RNN-CA's the first
    token's id over 10; the rest is negative. Both look at the one region that the mean names.
    """

    def __init__(self, fault: Callable[[Batch], UndertoneError | None] = lambda _: None) -> None:
        self.fault, self.batches, self.closed = fault, list[Batch](), False

    def submit(self, batch: Batch) -> Future[Verdicts]:
        self.batches.append(batch)
        future: Future[Verdicts] = Future()
        error = self.fault(batch)
        if error is None:
            future.set_result(Verdicts(answer(batch)))
        else:
            future.set_exception(error)
        return future

    def check(self) -> None: ...

    def close(self) -> None:
        self.closed = True


def answer(batch: Batch) -> dict[str, np.ndarray]:
    outputs = {t.name: np.zeros((len(batch), *t.shape), np.float32) for t in SENTIMENT.outputs}
    bright = batch.images.mean(axis=(1, 2, 3)) / 255
    for name, positive in (("DMLANET", bright), ("RNNCA", batch.tokens[:, 1] / 10)):
        outputs[f"{name}_PROBS"][:, 0] = 1 - positive
        outputs[f"{name}_PROBS"][:, 2] = positive
        outputs[f"{name}_PICTURE_WEIGHT"][:] = batch.has_image / 2
        outputs[f"{name}_REGION_ATTENTION"][np.arange(len(batch)), (bright * 48).astype(int)] = 1
    return outputs
