"""What tests of Triton's client share: a server, a batch, and a look at whether it works."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from models.signature import IMAGE_SIZE, MAX_TOKENS
from services.errors import Unavailable
from services.inference.classifier import Batch
from services.inference.triton import TritonClassifier
from tests.conftest import missing
from tests.servers.local import ServerMissing
from tests.servers.triton import Triton


def made(artifacts: Path, **options: str) -> Triton:
    try:
        return Triton(artifacts, options={k.replace("_", "-"): v for k, v in options.items()})
    except ServerMissing as error:
        missing(f"no Triton: {error}")
        raise


def batch(size: int = 2) -> Batch:
    tokens = np.full((size, MAX_TOKENS), 5, np.int32)
    images = np.full((size, IMAGE_SIZE, IMAGE_SIZE, 3), 99, np.uint8)
    return Batch(images, np.ones((size, 1), np.float32), tokens)


def works(classifier: TritonClassifier, within_s: float = 10) -> None:
    """The next answer comes, perhaps after a few that say `Unavailable`."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            assert len(classifier.submit(batch()).result(30).outputs["RNNCA_PROBS"]) == 2
            return
        except Unavailable:
            assert time.monotonic() < deadline, "the client does not recover"
            time.sleep(0.1)
