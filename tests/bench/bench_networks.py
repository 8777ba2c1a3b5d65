"""The embedded pair by the clock: `python -m tests.bench.bench_networks [--fp32 FOLDER]`.

Pairs a second on all cores, the share of each step, and the memory of a process
that does nothing else; for the int8 files that ship, and for the fp32 files that
`make export` leaves in the run's `onnx` folder, where that is given. Pairs are
256 posts of MVSA-Single, each with a picture and a text of its own, in batches
of 32. Every figure is the median of ROUNDS passes, each precision in a process
of its own. The table goes to `tests/bench/results`; the last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.signature import MODELS
from models.tokenizer import Tokenizer
from services.inference.classifier import Batch
from services.inference.local import LocalClassifier
from services.inference.pictures import pixels
from services.metrics import MODEL_SECONDS

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "models" / "artifacts"
PAIRS = ROOT.parent / "shared" / "data" / "mvsa_single" / "train.parquet"
RESULTS = Path(__file__).parent / "results"
COUNT, BATCH, ROUNDS = 256, 32, 7
TARGET_PAIRS_PER_S, TARGET_MB = 100, 600


def measure(folder: Path, given: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
    """Figures of one precision; pictures and texts of the posts in `given`."""
    cores = len(os.sched_getaffinity(0))
    tokenizer, classifier = Tokenizer.load(), LocalClassifier(folder, cores)
    at = range(0, len(given), BATCH)
    images = [np.stack([pixels(jpeg) for _, jpeg in given[n : n + BATCH]]) for n in at]
    seen = np.ones((BATCH, 1), np.float32)

    def tokens(n: int) -> Any:
        return tokenizer.encode_batch([text for text, _ in given[n : n + BATCH]])

    def score() -> None:
        futures = [
            classifier.submit(Batch(image, seen[: len(image)], tokens(n)))
            for n, image in zip(at, images, strict=True)
        ]
        for future in futures:
            future.result()

    score()
    before = _spent()
    began = time.process_time()
    seconds = [_timed(score) for _ in range(ROUNDS)]
    processor = time.process_time() - began
    spent = {name: s - before[name] for name, s in _spent().items()}
    classifier.close()
    passes = ROUNDS * len(given)
    steps = {
        "decode": _timed(lambda: [pixels(jpeg) for _, jpeg in given]) / len(given),
        "tokenise": _timed(lambda: [tokens(n) for n in at]) / len(given),
        **{name: seconds / passes for name, seconds in spent.items()},
    }
    return {
        "cores": cores,
        "pairs_per_s": len(given) / statistics.median(seconds),
        "least": len(given) / max(seconds),
        "most": len(given) / min(seconds),
        "processor_ms": 1000 * processor / passes,
        "steps_ms": {name: 1000 * each for name, each in steps.items()},
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _spent() -> dict[str, float]:
    """Seconds in each network so far, summed over the cores."""
    return {model.name: MODEL_SECONDS.labels(model.name)._sum.get() for model in MODELS}


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _posts() -> list[tuple[str, bytes]]:
    import pyarrow.parquet as pq

    rows = next(pq.ParquetFile(PAIRS).iter_batches(COUNT, columns=["text", "image"])).to_pylist()
    return [(row["text"], row["image"]) for row in rows]


def _apart(folder: Path, posts: Path) -> dict[str, Any]:
    """`measure` in a process of its own, whose memory is nothing but this."""
    command = [sys.executable, "-m", __spec__.name, "--measure", str(folder), str(posts)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def report(found: dict[str, dict[str, Any]]) -> list[str]:
    lines = []
    for name, row in found.items():
        whole = sum(row["steps_ms"].values())
        lines.append(
            f"{name}: {row['pairs_per_s']:.0f} pairs/s on {row['cores']} cores "
            f"({row['least']:.0f} to {row['most']:.0f} over {ROUNDS} passes; target "
            f"{TARGET_PAIRS_PER_S}), without decoding; {row['processor_ms']:.2f} ms of processor "
            f"time a pair; {row['peak_mb']:.0f} MB at its peak (target under {TARGET_MB})"
        )
        lines += [
            f"    {step:9} {ms:6.3f} ms of one core a pair, {ms / whole:4.0%}"
            for step, ms in row["steps_ms"].items()
        ]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the networks in the process.")
    parser.add_argument("--fp32", type=Path, help="folder of fp32 files, such as RUN/onnx")
    parser.add_argument("--measure", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        folder, posts = options.measure
        print(json.dumps(measure(folder, pickle.loads(posts.read_bytes()))))
        return
    folders = {"int8": ARTIFACTS} | ({"fp32": options.fp32} if options.fp32 else {})
    with tempfile.TemporaryDirectory() as place:
        posts = Path(place) / "posts"
        posts.write_bytes(pickle.dumps(_posts()))
        found = {name: _apart(folder, posts) for name, folder in folders.items()}
    load = f"load average {os.getloadavg()[0]:.1f}"
    lines = [load, *report(found)]
    if "fp32" not in found:
        lines.append("fp32: not run (--fp32 FOLDER with the files of a run)")
    print("\n".join(lines))
    (RESULTS / "networks.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(json.dumps({"bench": "networks", **found}))


if __name__ == "__main__":
    main()
