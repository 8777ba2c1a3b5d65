"""Events per second and core of a Jetstream of all collections, against 100 topics.

    python -m tests.bench.bench_jetstream [--events 200000]

From a file (lines, parsed and matched), and over the websocket from a server in a
process of its own. The stream is the recorded one where it is at hand
(../shared/data/dumps), over and over, else a generated one. Seconds are of this
process's processor, all its threads together; JSON on the last line.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from services.errors import BadRecord
from services.ingest.bluesky_events import Events
from services.ingest.draft import Draft
from services.ingest.gaps import Watch
from services.ingest.jetstream_socket import JetstreamSocket, Tuning
from services.topics import PostView, Topics, parse_topics
from tests.conftest import DATA
from tests.simulators.jetstream import JetstreamServer, Log, generate

TOPICS = 100


def topics() -> Topics:
    """A hundred brands of five terms each, none of which is rare in everyday words alone."""
    words = [f"brand{number}" for number in range(TOPICS)]
    queries = [
        f"  {word}: '({word} OR #{word} OR @{word} OR \"{word} phone\") -giveaway'"
        for word in words
    ]
    return parse_topics("topics:\n" + "\n".join(queries), "bench")


def recorded() -> list[bytes]:
    path = DATA / "dumps" / "bluesky_jetstream.jsonl"
    if path.is_file():
        return path.read_bytes().splitlines()
    return [json.dumps(event).encode() for event in generate(200, start_us=1_750_000_000_000_000)]


class Work:
    """What ingest does with a message before anything is matched."""

    def __init__(self) -> None:
        self.events, self.topics, self.posts, self.matched = Events(), topics(), 0, 0

    def take(self, message: bytes) -> None:
        try:
            found = self.events.parse(message)
        except BadRecord:
            return
        for item in found:
            if isinstance(item, Draft):
                view = PostView(
                    item.text,
                    item.lang,
                    item.platform,
                    item.author,
                    item.author_name,
                    item.kind,
                    bool(item.media),
                )
                self.posts += 1
                self.matched += bool(self.topics.match(view))


def from_file(messages: list[bytes], count: int) -> float:
    with tempfile.NamedTemporaryFile() as file:
        for message in itertools.islice(itertools.cycle(messages), count):
            file.write(message + b"\n")
        file.flush()
        work, started = Work(), time.process_time()
        with Path(file.name).open("rb") as lines:
            for line in lines:
                work.take(line.rstrip(b"\n"))
        return count / (time.process_time() - started)


def serve(messages: list[bytes], count: int, pipe: Connection) -> None:
    log = Log()
    now_us = time.time_ns() // 1000
    log.times = list(range(now_us - count, now_us))
    log.events = [("", message) for message in itertools.islice(itertools.cycle(messages), count)]
    with JetstreamServer(log) as server:
        pipe.send((server.url, log.times[0]))
        pipe.recv()


def over_websocket(messages: list[bytes], count: int) -> tuple[float, float]:
    """Per second of the processor, and of the clock (server and client share the machine)."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(messages, count, theirs))
    server.start()
    url, first_us = ours.recv()
    work, received = Work(), 0
    cpu, wall = time.process_time(), time.perf_counter()
    watch = Watch("bench", lambda: time.time_ns() // 1_000_000)
    socket = JetstreamSocket(
        watch, cursor_us=first_us, hosts=[url], collections=(), tuning=Tuning(rewind_elsewhere_s=0)
    )
    while received < count:
        for message, _ in socket.take(1000, 1.0):
            work.take(message)
            received += 1
    rates = count / (time.process_time() - cpu), count / (time.perf_counter() - wall)
    socket.close()
    ours.send("done")
    server.join()
    return rates


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=200_000)
    count = options.parse_args().events
    messages = recorded()
    file_rate = from_file(messages, count)
    per_core, per_second = over_websocket(messages, count)
    result = {
        "bench": "jetstream",
        "events": count,
        "topics": TOPICS,
        "bytes_per_event": sum(map(len, messages)) // len(messages),
        "file_per_core_s": round(file_rate),
        "websocket_per_core_s": round(per_core),
        "websocket_per_s": round(per_second),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
