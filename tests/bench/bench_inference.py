"""The inference hop against its ceiling: `python -m tests.bench.bench_inference [--quick]`.

On one machine, in one run:

    ceiling     decode, tokenise and ask the ensemble on Triton in a closed loop; no Kafka
    hop         the same posts from Kafka to Kafka, through worker and stage
    half load   p50 and p99 from a post's arrival in Kafka to its scored record
    costs       processor time a post of client, Triton and broker, of ceiling and hop
    embedded    the hop on streams in memory with the networks in the process, against a
                plain loop over the same ONNX files
    sweep       batch size x wait x batches in flight, of the hop

Every post has a picture and a text of its own, and the cache is off. Table and
drawing go to `tests/bench/results`; the last line is JSON. On a machine with a
GPU, `--gpu` measures the ensemble there instead (`tests/bench/gpu.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib as mpl

from services.inference.local import LocalClassifier
from services.inference.triton import TritonClassifier
from services.settings.model import Settings
from tests.bench import gpu
from tests.bench import inference_load as load
from tests.bench.inference_load import Figure, Setting
from tests.bench.processor_time import Meter
from tests.servers.kafka import KafkaServer
from tests.servers.triton import ARTIFACTS, Triton

mpl.use("agg")
RESULTS = Path(__file__).parent / "results"
DATA = Path(__file__).parents[3] / "shared" / "data"
DEFAULT = {name: field.default for name, field in Settings.model_fields.items()}
CHOSEN = Setting(DEFAULT["batch_size"], DEFAULT["batch_wait_ms"], DEFAULT["in_flight"])
"""What `undertone infer` runs with unless it is told otherwise."""
SWEEP = [Setting(b, w, f) for b in (8, 32, 64) for w in (0, 50) for f in (1, 4)]
ROUNDS = 7
SWEEP_BATCHES = 12
CALM = 30
"""Posts a second at which the sweep takes its latencies."""


def machine() -> str:
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")),
        platform.machine(),
    )  # fmt: skip
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores, Python {platform.python_version()}"


@dataclass(frozen=True, slots=True)
class Ratio:
    """Of one throughput to another, over the rounds."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"


def middle(figures: list[Figure]) -> Figure:
    """The one whose throughput is the median."""
    return sorted(figures, key=lambda figure: figure.posts_per_s)[len(figures) // 2]


def against(base: Callable[[], Figure], run: Callable[[], Figure]) -> tuple[Figure, Figure, Ratio]:
    """Both in turn, ROUNDS times: the medians, and the ratio over the rounds.

    Each `run` is held against the `base` before and the one after it, so that
    what else the machine does weighs on both alike. The first of each is thrown
    away: caches, connections and the broker's compiler are cold.
    """
    base(), run()
    bases, runs = [base()], []
    for _ in range(ROUNDS):
        runs.append(run())
        bases.append(base())
    ratios = [
        2 * found.posts_per_s / (before.posts_per_s + after.posts_per_s)
        for found, before, after in zip(runs, bases, bases[1:], strict=False)
    ]
    ratio = Ratio(statistics.median(ratios), min(ratios), max(ratios))
    return middle(bases), middle(runs), ratio


def distributed(kafka: KafkaServer, count: int) -> tuple[dict[str, Figure], Ratio]:
    """Ceiling, hop, and the hop at half the ceiling's load, all on Triton."""
    given = load.posts(DATA, count)
    with Triton() as server:
        meter = Meter({"client": os.getpid(), "triton": server.pid, "kafka": kafka.pid})
        classifier = TritonClassifier(server.url)
        classifier.check()
        ceiling, hop, ratio = against(
            lambda: load.plain_loop(classifier, given, CHOSEN, meter),
            lambda: load.through_kafka(kafka.url, classifier, given, CHOSEN, meter=meter),
        )
        rate = ceiling.posts_per_s / 2
        half = load.through_kafka(kafka.url, classifier, given, CHOSEN, rate=rate)
        classifier.close()
    return {"ceiling": ceiling, "hop": hop, "half load": half}, ratio


def embedded(count: int) -> tuple[dict[str, Figure], Ratio]:
    given = load.posts(DATA, count)
    classifier = LocalClassifier(ARTIFACTS, len(os.sched_getaffinity(0)))
    setting = Setting(CHOSEN.batch, 0, 2)
    alone = Setting(CHOSEN.batch, 0, 1)
    plain, hop, ratio = against(
        lambda: load.plain_loop(classifier, given, alone),
        lambda: load.through_memory(classifier, given, setting),
    )
    classifier.close()
    return {"plain loop": plain, "embedded": hop}, ratio


def sweep(kafka: str) -> list[tuple[Setting, Figure, Figure]]:
    """Per setting: throughput over a backlog, and latencies at CALM posts a second."""
    given = load.posts(DATA, SWEEP_BATCHES * max(setting.batch for setting in SWEEP))
    rows = []
    with Triton() as server:
        classifier = TritonClassifier(server.url)
        load.plain_loop(classifier, given[:128], CHOSEN)
        for setting in SWEEP:
            backlog = given[: max(300, SWEEP_BATCHES * setting.batch)]
            full = load.through_kafka(kafka, classifier, backlog, setting)
            calm = load.through_kafka(kafka, classifier, given[: 4 * CALM], setting, rate=CALM)
            rows.append((setting, full, calm))
            print(_row(setting, full, calm), flush=True)
        classifier.close()
    return rows


def _row(setting: Setting, full: Figure, calm: Figure) -> str:
    return (
        f"{setting.batch:5d} {setting.wait_ms:7d} {setting.in_flight:9d} "
        f"{full.posts_per_s:8.1f} {calm.p50_s * 1000:8.0f} {calm.p99_s * 1000:8.0f}"
    )


HEADER = f"batch wait_ms in_flight  posts/s   p50_ms   p99_ms   (latencies at {CALM} posts/s)"


def draw(rows: list[tuple[Setting, Figure, Figure]], where: Path) -> None:
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    batches = sorted({setting.batch for setting, _, _ in rows})
    for wait in sorted({setting.wait_ms for setting, _, _ in rows}):
        for in_flight in sorted({setting.in_flight for setting, _, _ in rows}):
            line = [
                (s.batch, full.posts_per_s, calm.p99_s * 1000)
                for s, full, calm in rows
                if (s.wait_ms, s.in_flight) == (wait, in_flight)
            ]
            label = f"wait {wait} ms, {in_flight} in flight"
            left.plot([x for x, _, _ in line], [y for _, y, _ in line], marker="o", label=label)
            right.plot([x for x, _, _ in line], [y for _, _, y in line], marker="o")
    left.set(xlabel="batch size", ylabel="posts/s, backlog", xticks=batches, ylim=(0, None))
    right.set(
        xlabel="batch size", ylabel=f"p99, ms, {CALM} posts/s", xticks=batches, ylim=(0, None)
    )
    left.legend(fontsize=6)
    figure.suptitle(f"Inference hop, Kafka to Kafka: {machine()}", fontsize=9)
    figure.savefig(where, dpi=80)
    plt.close(figure)


def report(found: dict[str, Figure], ratios: dict[str, Ratio]) -> list[str]:
    lines = [f"{'':12} posts/s   p50_ms   p99_ms   (of batches for loops, of posts for hops)"]
    lines += [
        f"{name:12} {f.posts_per_s:7.1f} {f.p50_s * 1000:8.0f} {f.p99_s * 1000:8.0f}"
        for name, f in found.items()
    ]
    bound = CHOSEN.wait_ms / 1000 + 3 * found["ceiling"].p50_s
    return [
        *lines,
        f"ratios: median of {ROUNDS} rounds (least to most)",
        *(f"{name:22} {ratio}" for name, ratio in ratios.items()),
        f"half load: p99 {found['half load'].p99_s:.3f} s, bound {bound:.3f} s "
        "(wait + 3 x the ceiling's batch)",
        *_costs(found),
        f"GPU: {gpu.NOT_RUN}",
    ]


def _costs(found: dict[str, Figure]) -> list[str]:
    """Where the processor time goes; the broker runs while the ceiling does, with nothing to do."""
    return [
        "processor time a post, ms:",
        *(
            f"{name:12} {sum(f.spent_ms.values()):6.2f} = "
            + " + ".join(f"{spent:.2f} {process}" for process, spent in f.spent_ms.items())
            for name, f in found.items()
            if f.spent_ms
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the inference hop.")
    parser.add_argument("--quick", action="store_true", help="fewer posts, and no sweep")
    parser.add_argument("--gpu", action="store_true", help="the ensemble on a GPU, nothing else")
    gpu.add_arguments(parser)
    options = parser.parse_args()
    if options.gpu:
        sys.exit(gpu.run(options, DATA, RESULTS))
    quick = options.quick
    count = 400 if quick else 2_400
    RESULTS.mkdir(exist_ok=True)
    print(machine(), f"batch {CHOSEN.batch}, wait {CHOSEN.wait_ms} ms, in flight", CHOSEN.in_flight)
    server = KafkaServer().start()
    try:
        there, ratio_there = distributed(server, count)
        here, ratio_here = embedded(count)
        found = here | there
        ratios = {"embedded / plain loop": ratio_here, "hop / ceiling": ratio_there}
        lines = report(found, ratios)
        print("\n".join(lines))
        if not quick:
            print(HEADER)
            rows = sweep(server.url)
            draw(rows, RESULTS / "inference.png")
            table = [HEADER, *(_row(*row) for row in rows)]
            busy = (
                f"load average {os.getloadavg()[1]:.1f}: what else ran here costs everything alike"
            )
            text = "\n".join([machine(), busy, str(CHOSEN), *lines, "", *table])
            (RESULTS / "inference.txt").write_text(text + "\n", encoding="utf-8")
    finally:
        server.stop()
    figures = {name: asdict(figure) for name, figure in (found | ratios).items()}
    print(json.dumps({"bench": "inference", "machine": machine(), **figures, "gpu": gpu.NOT_RUN}))


if __name__ == "__main__":
    main()
