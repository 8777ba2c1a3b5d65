"""Fetch, decode and normalise, beside decode and resize alone, in pictures per second and core.

    python -m tests.bench.bench_fetch [--pictures 2000]

A server in a process of its own hands out JPEGs as a platform's smaller renditions
are (1,000 pixels of long side, about 120 kB); both rates are per second of
processor time of this process, all its threads together. The last line is JSON.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import multiprocessing
import random
import time
from io import BytesIO
from multiprocessing.connection import Connection

from PIL import Image, ImageFilter

from services.ingest.fetch import Fetcher, HostLimits
from services.ingest.pictures import normalise
from services.net import Policy
from tests.simulators.pictures import PictureServer

DISTINCT = 40


def pictures() -> list[bytes]:
    """Photographs as far as a codec can tell: smooth areas, edges, some noise."""
    chance = random.Random(5)
    made = []
    for _ in range(DISTINCT):
        noise = Image.frombytes("RGB", (125, 94), chance.randbytes(125 * 94 * 3))
        soft = noise.resize((1000, 750), Image.Resampling.BICUBIC).filter(
            ImageFilter.GaussianBlur(2)
        )
        grain = Image.effect_noise((1000, 750), 12).convert("RGB")
        out = BytesIO()
        Image.blend(soft, grain, 0.12).save(out, "JPEG", quality=85)
        made.append(out.getvalue())
    return made


def serve(bodies: list[bytes], count: int, pipe: Connection) -> None:
    with PictureServer() as server:
        for number in range(count):
            server.routes[f"/{number}.jpg"] = bodies[number % len(bodies)]
        pipe.send(server.port)
        pipe.recv()


def plain(bodies: list[bytes], count: int) -> float:
    """Pictures per processor second without any network."""
    started = time.process_time()
    for number in range(count):
        normalise(bodies[number % len(bodies)], anew=True)
    return count / (time.process_time() - started)


def fetched(port: int, count: int) -> tuple[float, float]:
    """Pictures per processor second, and per second of the clock, through the fetcher."""
    policy = Policy(
        allow=(ipaddress.ip_network("127.0.0.1/32"),),
        ports=None,
        resolver=lambda _host, _port: ["127.0.0.1"],
    )
    fetcher = Fetcher(policy, host_limits=HostLimits(per_s=1e6, burst=1_000_000))
    urls = [f"http://pictures.test:{port}/{number}.jpg" for number in range(count)]
    cpu, wall = time.process_time(), time.perf_counter()
    for start in range(0, count, 64):
        outcomes = fetcher.fetch_many(urls[start : start + 64])
        assert all(outcome.jpeg for outcome in outcomes), outcomes
    rates = count / (time.process_time() - cpu), count / (time.perf_counter() - wall)
    fetcher.close()
    return rates


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pictures", type=int, default=2000)
    count = options.parse_args().pictures
    bodies = pictures()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(bodies, count, theirs))
    server.start()
    port = ours.recv()
    before = plain(bodies, count)
    per_core, per_second = fetched(port, count)
    after = plain(bodies, count)
    ours.send("done")
    server.join()
    decode = (before + after) / 2
    result = {
        "bench": "fetch",
        "pictures": count,
        "picture_bytes": sum(map(len, bodies)) // len(bodies),
        "decode_per_core_s": round(decode, 1),
        "fetched_per_core_s": round(per_core, 1),
        "fetched_per_s": round(per_second, 1),
        "ratio": round(per_core / decode, 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
