"""X's API v2 as far as we use it: rules, the filtered stream, recent search, recent counts.

Posts reach the stream while it is open, and search afterwards. Faults (once
each, in order): http_429, http_503, limit (the one connection is taken),
drop, stall, disconnect (an operational error in the stream), garbage, duplicate, reorder
(a post comes behind the next), swap (the same, but the connection breaks in between),
and of compliance jobs job_403 and so on.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from services.ingest.times import X_EPOCH_MS
from tests.simulators.web import Handler, WebServer


def tweet(number: int, written_ms: int, text: str = "") -> dict[str, Any]:
    """A post as the stream sends it; its id holds its time."""
    ident = str(((written_ms - X_EPOCH_MS) << 22) + number % (1 << 22))
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(written_ms / 1000))
    return {
        "id": ident,
        "text": text or f"acme number {number}",
        "created_at": f"{at}.{written_ms % 1000:03d}Z",
        "author_id": "7",
        "lang": "en",
        "edit_history_tweet_ids": [ident],
    }


USERS = {"users": [{"id": "7", "username": "someone", "name": "Someone"}]}


class XServer(WebServer):
    """`token` is the one it accepts."""

    def __init__(self, token: str = "secret") -> None:
        super().__init__()
        self.token = token
        self.faults: list[str] = []
        self.rules: dict[str, dict[str, str]] = {}
        self.tweets: list[dict[str, Any]] = []
        self.requests: list[tuple[str, dict[str, list[str]]]] = []
        self.keep_alive_s = 0.1
        self.deleted: dict[str, str] = {}
        """Ids of posts that are gone, each with the reason; what compliance jobs tell."""
        self.jobs: dict[str, dict[str, Any]] = {}
        self.open: list[queue.SimpleQueue[bytes | None]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return self.origin()

    def handler(self) -> type[Handler]:
        return type("Bound", (_Handler,), {"x": self})

    def __exit__(self, *raised: object) -> None:
        with self.lock:
            for waiting in self.open:
                waiting.put(None)
        super().__exit__(*raised)

    def post(self, tweets: Iterable[dict[str, Any]]) -> None:
        for found in tweets:
            line = json.dumps({"data": found, "includes": USERS, "matching_rules": []}).encode()
            with self.lock:
                self.tweets.append(found)
                for waiting in self.open:
                    waiting.put(line)

    def fault(self, *kinds: str) -> str:
        """The fault that is due, if it is one of these."""
        due = bool(self.faults) and self.faults[0].startswith(kinds)
        return self.faults.pop(0) if due else ""


class _Handler(Handler):
    protocol_version = "HTTP/1.1"
    x: XServer

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self.answer(status, json.dumps(body).encode(), content_type="application/json")

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        query = parse_qs(split.query)
        self.x.requests.append((split.path, query))
        if split.path.startswith("/jobs/"):
            self._results(split.path)
        elif self.headers.get("Authorization") != f"Bearer {self.x.token}":
            self._answer(401, {"title": "Unauthorized", "detail": "Unauthorized", "status": 401})
        elif split.path == "/2/tweets/search/stream/rules":
            self._answer(200, {"data": list(self.x.rules.values())} if self.x.rules else {})
        elif split.path == "/2/tweets/search/stream":
            self._stream()
        elif split.path == "/2/tweets/search/recent":
            clamped = self._too_far(query)
            self._answer(400 if clamped else 200, clamped or self._found(query))
        elif split.path == "/2/tweets/counts/recent":
            count = sum(query["query"][0] in t["text"] for t in self.x.tweets)
            self._answer(200, {"data": [], "meta": {"total_tweet_count": count}})
        elif split.path.startswith("/2/compliance/jobs/"):
            self._job(split.path.rpartition("/")[2])

    def _job(self, ident: str) -> None:
        """A job is in progress when first asked after its upload, and complete then."""
        job = self.x.jobs[ident]
        status = job["status"]
        if status == "in_progress":
            job["status"] = "complete"
        self._answer(200, {"data": {"id": ident, "type": "tweets", "status": status}})

    def _new_job(self) -> None:
        ident = str(9000 + len(self.x.jobs))
        self.x.jobs[ident] = {"status": "created", "ids": []}
        place = f"{self.x.url}/jobs/{ident}"
        job = {"id": ident, "type": "tweets", "status": "created"}
        job |= {"upload_url": f"{place}?upload", "download_url": f"{place}?results"}
        self._answer(200, {"data": job})

    def do_PUT(self) -> None:
        """The upload, to a place that is not the API's and knows no token."""
        ids = self.body().decode().split("\n")
        job = self.x.jobs[urlsplit(self.path).path.rpartition("/")[2]]
        job |= {"status": "in_progress", "ids": ids}
        self._answer(200, {})

    def _results(self, path: str) -> None:
        rows = [
            {"id": i, "action": "delete", "reason": self.x.deleted[i],
             "redacted_at": "2026-11-01T00:00:00.000Z"}
            for i in self.x.jobs[path.rpartition("/")[2]]["ids"]
            if i in self.x.deleted
        ]  # fmt: skip
        self.answer(200, "".join(json.dumps(row) + "\n" for row in rows).encode())

    def do_POST(self) -> None:
        body = json.loads(self.body())
        if self.path == "/2/compliance/jobs":
            self.x.requests.append((self.path, {"body": [json.dumps(body)]}))
            refused = self.x.fault("job_")
            if refused:
                self._answer(int(refused.removeprefix("job_")), {"title": "no"})
            else:
                self._new_job()
            return
        for ident in body.get("delete", {}).get("ids", ()):
            self.x.rules.pop(ident)
        bad = [rule for rule in body.get("add", ()) if "unknown:" in rule["value"]]
        if bad:
            self._answer(201, {"errors": [{"title": "Invalid Rule", "detail": "no such operator"}]})
            return
        for rule in body.get("add", ()):
            ident = str(1000 + len(self.x.requests) + len(self.x.rules))
            self.x.rules[ident] = rule | {"id": ident}
        self.x.requests.append((self.path, {"body": [json.dumps(body)]}))
        self._answer(201, {"data": [], "meta": {}})

    def _too_far(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """X clamps nothing in silence: what reaches back more than seven days is refused."""
        oldest_ms = int(time.time() * 1000) - 7 * 86_400_000
        oldest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(oldest_ms / 1000))
        since = int(query.get("since_id", [str(1 << 62)])[0])
        start = query.get("start_time", ["9"])[0]
        if since >= (oldest_ms - X_EPOCH_MS) << 22 and start >= oldest:
            return {}
        return {"title": "Invalid Request", "detail": "'since_id' must be of the last 7 days"}

    def _found(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """A page of search, newest first; a rule is words joined by OR here."""
        after = int(query.get("since_id", ["0"])[0])
        start = query.get("start_time", [""])[0]
        words = query["query"][0].split(" OR ")
        with self.x.lock:
            hits = [
                t
                for t in self.x.tweets
                if int(t["id"]) > after
                and t["created_at"] >= start
                and any(w in t["text"] for w in words)
            ]
        hits.sort(key=lambda t: -int(t["id"]))
        at = int(query.get("next_token", ["0"])[0])
        page, rest = hits[at : at + 100], hits[at + 100 :]
        meta = {"result_count": len(page)} | ({"next_token": str(at + 100)} if rest else {})
        return {"data": page, "includes": USERS, "meta": meta} if page else {"meta": meta}

    def _stream(self) -> None:
        refused = self.x.fault("http_", "limit")
        if refused == "limit":
            detail = "This stream is currently at the maximum allowed connection limit."
            self._answer(429, {"title": "ConnectionException", "detail": detail})
            return
        if refused:
            self._answer(int(refused.removeprefix("http_")), {"title": "no"})
            return
        waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        with self.x.lock:
            self.x.open.append(waiting)
        try:
            self._lines(waiting)
        finally:
            with self.x.lock:
                self.x.open.remove(waiting)

    def _lines(self, waiting: queue.SimpleQueue[bytes | None]) -> None:
        while not self.x.over.is_set():
            try:
                line = waiting.get(timeout=self.x.keep_alive_s)
            except queue.Empty:
                self._chunk(b"\r\n")
                continue
            if line is None:
                return
            if swap := self.x.fault("reorder", "swap"):
                later, line = line, waiting.get()
                if line is None:
                    return
                self._chunk(line + b"\r\n")
                if swap == "swap":
                    return
                line = later
            fault = self.x.fault("drop", "stall", "disconnect", "garbage", "duplicate")
            if fault == "drop":
                self._chunk(line[:30])
                return
            if fault == "stall":
                self.x.over.wait(1.0)
                return
            if fault == "disconnect":
                self._chunk(b'{"errors":[{"title":"operational-disconnect"}]}\r\n')
                return
            if fault == "garbage":
                self._chunk(b'{"data": {"id": \r\n')
            for _ in range(2 if fault == "duplicate" else 1):
                self._chunk(line + b"\r\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()
