"""Undertone as its users run it: commands in processes of their own, which can be killed."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.conftest import ROOT

REAL = [sys.executable, "-m", "tests.e2e.real"]
PRECOMPUTED = [sys.executable, "-m", "tests.e2e.precomputed"]
START_MS = 1_773_748_800_000
TOPICS = """topics:
  acme: 'acme OR #acme'
  rocket boots: '"rocket boots" -giveaway'
  everything: {query: 'has:images OR -has:images', text_only: true}
"""


@dataclass
class Product:
    """One installation: its settings, its folder, its processes."""

    folder: Path
    environment: Mapping[str, str]
    program: Sequence[str] = field(default_factory=lambda: PRECOMPUTED)

    def start(self, *command: str, log: str = "") -> subprocess.Popen[bytes]:
        """A process in the background, its output in a file."""
        path = self.folder / f"{log or command[0]}.log"
        with path.open("ab") as out:
            return subprocess.Popen(
                [*self.program, "-v", *command],
                cwd=ROOT,
                env={**_bare(), **self.environment},
                stdout=out,
                stderr=out,
            )

    def run(
        self, *command: str, timeout_s: float = 240, status: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """A command to its end, which must have this `status`."""
        done = subprocess.run(
            [*self.program, *command],
            cwd=ROOT,
            env={**_bare(), **self.environment},
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        assert done.returncode == status, (
            f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def json(self, *command: str) -> Any:
        return json.loads(self.run(*command, "--json").stdout)

    def logs(self) -> str:
        """The end of every log, for a failing test."""
        return "\n".join(
            f"== {path.name}\n{path.read_text('utf-8', 'replace')[-2000:]}"
            for path in sorted(self.folder.glob("*.log"))
        )


def _bare() -> dict[str, str]:
    return {n: v for n, v in os.environ.items() if not n.startswith("UNDERTONE_")}


def stop(processes: Iterable[subprocess.Popen[bytes]], within_s: float = 30.0) -> list[int]:
    """SIGTERM to all; their exit statuses. One that takes longer is killed and fails the test."""
    processes = list(processes)
    for process in processes:
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + within_s
    statuses = []
    for process in processes:
        try:
            statuses.append(process.wait(max(0.1, deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            process.kill()
            statuses.append(-signal.SIGKILL)
    return statuses


@contextmanager
def ended(processes: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Whatever happens, nothing runs on."""
    try:
        yield
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait(10)


def write_archive(folder: Path, posts: int, pictures: int = 40, seed: int = 7) -> Path:
    """An archive of the Streaming API's form with a media folder, in order, some posts twice.

    Two hours of event time; returns the archive's path, beside `media` and `topics.yaml`.
    """
    rng = random.Random(seed)
    media = folder / "media"
    media.mkdir(parents=True)
    for number in range(pictures):
        (media / f"p{number}.jpg").write_bytes(jpeg(number))
    (folder / "topics.yaml").write_text(TOPICS)
    lines = [json.dumps(_tweet(number, posts, pictures, rng)) for number in range(posts)]
    for _ in range(posts // 50):  # the same post again, a little later: counts once
        place = rng.randrange(posts - 5)
        lines.insert(place + 3, lines[place])
    path = folder / "posts.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def jpeg(seed: int) -> bytes:
    """A picture of coarse random colours, short side 240."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize((320, 240), Image.Resampling.BILINEAR).save(out, "JPEG")
    return out.getvalue()


WORDS = ("love", "hate", "great", "awful", "why", "never", "again", "so", "good", "bad", "meh")
SUBJECTS = ("acme", "#acme", "rocket boots", "rocket boots giveaway", "the weather")


def _tweet(number: int, of: int, pictures: int, rng: random.Random) -> dict[str, Any]:
    created_ms = START_MS + number * 7_200_000 // of
    moment = time.gmtime(created_ms / 1000)
    text = f"{' '.join(rng.sample(WORDS, 5))} {rng.choice(SUBJECTS)} {number}"
    name = f"p{rng.randrange(pictures)}.jpg"
    tweet: dict[str, Any] = {
        "id_str": str(1_000_000 + number),
        "id": 1_000_000 + number,
        "created_at": time.strftime("%a %b %d %H:%M:%S +0000 %Y", moment),
        "timestamp_ms": str(created_ms),
        "text": text,
        "lang": "en",
        "user": {"id_str": str(rng.randrange(500)), "screen_name": f"u{rng.randrange(500)}"},
        "entities": {"hashtags": [], "urls": [], "user_mentions": [], "symbols": []},
    }
    if number % 10:
        url = f"https://pictures.example.com/media/{name}"
        tweet["extended_entities"] = {
            "media": [{"id_str": str(number), "type": "photo", "media_url_https": url}]
        }
    return tweet
