"""`undertone` with the networks' outputs precomputed: for tests that are not about the networks.

    python -m tests.e2e.precomputed infer

A pair's probabilities are a function of its tokens and its picture, so that
every process, in whatever batches, says the same.
"""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np

from models.signature import NETWORKS, SENTIMENT
from services import pipeline
from services.cli import main
from services.inference.classifier import Batch, Classifier, Verdicts
from services.settings import Settings


class Precomputed:
    """Implements `Classifier`."""

    def submit(self, batch: Batch) -> Future[Verdicts]:
        future: Future[Verdicts] = Future()
        future.set_result(Verdicts(self._outputs(batch)))
        return future

    def _outputs(self, batch: Batch) -> dict[str, np.ndarray]:
        count = len(batch)
        words = (batch.tokens.astype(np.int64) * np.arange(1, batch.tokens.shape[1] + 1)).sum(1)
        seen = batch.images[:, ::56, ::56].astype(np.int64).sum((1, 2, 3))
        outputs = {t.name: np.zeros((count, *t.shape), np.float32) for t in SENTIMENT.outputs}
        for place, network in enumerate(NETWORKS):
            raw = np.stack([(words * k + seen + place) % 997 + 1 for k in (3, 5, 7)], axis=1)
            outputs[f"{network.upper()}_PROBS"] = (raw / raw.sum(1, keepdims=True)).astype("f4")
        return outputs

    def check(self) -> None:
        """Always there."""

    def close(self) -> None:
        """Nothing is held."""


def _make(settings: Settings) -> Classifier:
    return Precomputed()


if __name__ == "__main__":
    pipeline.make_classifier = _make
    main()
