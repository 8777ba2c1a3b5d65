"""The ensemble on a GPU: `python -m tests.bench.bench_inference --gpu [--networks FOLDER]`.

Posts a second at batch 1, 8, 32 and 128, closed loops from several client
processes, once with decoding and tokenising (on the clients' cores) and once
with batches made ready before: where the two differ, the clients are the
limit and not the card. Triton runs in NVIDIA's container (Docker with the
NVIDIA toolkit) with `deploy/triton/model_repository_gpu`; `--triton` takes one
that runs already. `--networks` is a folder of fp32 ONNX files, as `make export`
leaves in the run's `onnx`: int8 gains nothing on a GPU.

`--cpu` goes the same way with the CPU ensemble, to try the measurement itself.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from deploy.triton.assemble import assemble
from services.errors import Unavailable
from services.inference.triton import TritonClassifier
from tests.bench import inference_load as load
from tests.servers.local import free_ports
from tests.servers.triton import ARTIFACTS, ROOT, Triton

BATCHES = (1, 8, 32, 128)
IN_FLIGHT = 4
"""Requests that each client keeps under way."""
POSTS = 256
"""Different posts that a client goes round and round."""
READY_S = 300.0
"""TensorRT builds its engines at the first start."""
NOT_RUN = "not run: no GPU on this machine (bench_inference --gpu where there is one)"


@dataclass(frozen=True, slots=True)
class Row:
    """One batch size: posts a second over all clients, and the batches' latencies in seconds."""

    batch: int
    decoded: bool
    posts_per_s: float
    p50_s: float
    p99_s: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cpu", action="store_true", help="with --gpu: try it without a GPU")
    parser.add_argument("--triton", metavar="HOST:PORT", help="with --gpu: a server that runs")
    parser.add_argument("--networks", type=Path, default=ARTIFACTS, help="folder of ONNX files")
    parser.add_argument("--clients", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=10.0, help="a row of the table takes")


def run(options: argparse.Namespace, data: Path, results: Path) -> int:
    """Print the table; with a GPU also keep it. The status to exit with."""
    where = "CPU, a trial of the measurement" if options.cpu else card()
    if where is None:
        print(f"GPU: {NOT_RUN}", file=sys.stderr)
        return 2
    with _served(options) as address:
        rows = sweep(address, options.clients, options.seconds, data)
    lines = [f"{where}; {options.clients} clients, {IN_FLIGHT} requests each", *_table(rows)]
    print("\n".join(lines))
    if not options.cpu:
        (results / "inference_gpu.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows_as_json = [asdict(row) for row in rows]
    print(json.dumps({"bench": "inference_gpu", "where": where, "rows": rows_as_json}))
    return 0


def card() -> str | None:
    """The name of the first NVIDIA card, None where there is none."""
    if shutil.which("nvidia-smi") is None:
        return None
    asked = subprocess.run(
        ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return asked.stdout.splitlines()[0] if asked.returncode == 0 and asked.stdout else None


def sweep(address: str, clients: int, seconds: float, data: Path) -> list[Row]:
    """Every batch size, with decoding and without."""
    spawn = multiprocessing.get_context("spawn")  # gRPC does not survive a fork
    rows = []
    with ProcessPoolExecutor(clients, mp_context=spawn) as pool:
        for decoded in (True, False):
            for batch in BATCHES:
                client = partial(_client, address, data, batch, seconds, decoded)
                parts = [f.result() for f in [pool.submit(client) for _ in range(clients)]]
                took = np.concatenate([took for _, took in parts])
                rate = sum(rate for rate, _ in parts)
                p50, p99 = np.percentile(took, [50, 99])
                rows.append(Row(batch, decoded, rate, float(p50), float(p99)))
    return rows


def _client(
    address: str, data: Path, batch: int, seconds: float, decoded: bool
) -> tuple[float, list[float]]:
    """A closed loop: posts a second, and what each batch took. In a process of its own."""
    classifier = TritonClassifier(address)
    given = load.posts(data, max(POSTS, batch))
    batches = [given[at : at + batch] for at in range(0, len(given) - batch + 1, batch)]
    asks: list[Callable[[], float]] = [partial(load.asked, classifier, posts) for posts in batches]
    if not decoded:
        made = [load.ready(posts) for posts in batches]
        asks = [partial(_timed, lambda one=one: classifier.submit(one).result()) for one in made]
    asks[0]()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        start = time.perf_counter()
        loops = [
            pool.submit(_until, start + seconds, asks[n::IN_FLIGHT] or asks)
            for n in range(IN_FLIGHT)
        ]
        took = [each for loop in loops for each in loop.result()]
        rate = len(took) * batch / (time.perf_counter() - start)
    classifier.close()
    return rate, took


def _until(deadline: float, asks: list[Callable[[], float]]) -> list[float]:
    took = []
    while time.perf_counter() < deadline:
        took.append(asks[len(took) % len(asks)]())
    return took


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@contextmanager
def _served(options: argparse.Namespace) -> Iterator[str]:
    """The address of a Triton that is ready, with this version's networks."""
    if options.triton:
        _await(options.triton)
        yield options.triton
    elif options.cpu:
        with Triton(options.networks) as server:
            yield server.url
    else:
        with _container(options.networks) as address:
            yield address


@contextmanager
def _container(networks: Path) -> Iterator[str]:
    """NVIDIA's Triton on the first card, as `deploy/docker-compose.gpu.yml` has it."""
    (port,) = free_ports(1)
    name = f"undertone-bench-{port}"
    with tempfile.TemporaryDirectory() as folder:
        source = ROOT / "deploy" / "triton" / "model_repository_gpu"
        models = assemble(networks, Path(folder) / "models", source, copy=True)
        command = [
            "docker", "run", "--rm", "--detach", "--name", name, "--gpus", "1",
            "--shm-size", "1g", "--publish", f"127.0.0.1:{port}:8001",
            "--volume", f"{models}:/models:ro", _image(),
            "tritonserver", "--model-repository=/models", "--exit-on-error=true",
        ]  # fmt: skip
        subprocess.run(command, check=True)
        try:
            _await(f"127.0.0.1:{port}")
            yield f"127.0.0.1:{port}"
        finally:
            subprocess.run(["docker", "stop", name], check=False)


def _image() -> str:
    """The image that the compose file's Triton is built from."""
    lines = (ROOT / "deploy" / "images" / "triton.Dockerfile").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("FROM "))


def _await(address: str) -> None:
    """Until server and networks are ready, and are those of this version."""
    classifier, deadline = TritonClassifier(address), time.monotonic() + READY_S
    try:
        while True:
            try:
                return classifier.check()
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
    finally:
        classifier.close()


def _table(rows: list[Row]) -> list[str]:
    head = "decoding  batch  posts/s   p50_ms   p99_ms   (of batches)"
    return [
        head,
        *(
            f"{'included' if row.decoded else 'before':8} {row.batch:6d} {row.posts_per_s:8.0f} "
            f"{row.p50_s * 1000:8.1f} {row.p99_s * 1000:8.1f}"
            for row in rows
        ),
    ]
