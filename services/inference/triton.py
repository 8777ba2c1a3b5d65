"""The networks on a Triton server. The one file that imports tritonclient (gRPC).

Every request has a deadline, and every future ends: with verdicts, with
`Unavailable` (the worker holds the batch and tries again with backoff) or with
`BadBatch` (the stage splits the batch). What each status means:

    INVALID_ARGUMENT, OUT_OF_RANGE        the request is at fault: BadBatch
    INTERNAL, UNKNOWN                     the run failed, perhaps for one pair: BadBatch; the
                                          stage tries a blank pair before it blames a post
    everything else                       the server or the way there: Unavailable
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import tritonclient.grpc as grpc
from tritonclient.utils import InferenceServerException

from models.signature import LABELS, MODELS, SENTIMENT, Model, Tensor
from services.errors import Unavailable, UndertoneError, UsageError
from services.inference.calls import Calls, fail, succeed
from services.inference.classifier import BadBatch, Batch, Verdicts, verified
from services.inference.statistics import Statistics
from services.metrics import NETWORK_SECONDS

T = TypeVar("T")

NAME = "triton"
CHECK_DEADLINE_S = 5.0
CLOSE_S = 5.0
"""How long requests in flight may still take when it closes."""
ABANDON = 4
"""Deadlines after which gRPC gives a request up as well: far beyond ours (`calls` says why), but
a server that hangs must not make us keep the pictures of request after request."""
_TYPES = {"uint8": "UINT8", "int32": "INT32", "float32": "FP32"}
_AT_FAULT = {f"StatusCode.{s}" for s in ("INVALID_ARGUMENT", "OUT_OF_RANGE", "INTERNAL", "UNKNOWN")}
_CHANNEL = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # No keepalive: Triton ends a connection that pings more often than every five minutes, and
    # every request on it. A server that vanished without a word is noticed by our deadline.
    # One that came back is found within 2 s, not after up to two minutes of backoff.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A channel made anew must not share the old one's broken connection.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files: the authority that signed the server, and our own certificate if it asks."""

    authority: Path | None = None
    key: Path | None = None
    certificate: Path | None = None


class TritonClassifier:
    """A client of the ensemble `sentiment` at `address` (host:port)."""

    def __init__(self, address: str, *, deadline_s: float = 30.0, tls: Tls | None = None) -> None:
        """Connects when first asked. `deadline_s` bounds each request, queue included."""
        self._address, self._deadline_s, self._tls = address, deadline_s, tls
        self._lock = threading.Lock()
        self._client: grpc.InferenceServerClient | None = None
        self._closed = False
        self._calls: Calls[Verdicts] = Calls(deadline_s)
        self._statistics = Statistics(
            lambda: self._ask(lambda client, t: client.get_inference_statistics(client_timeout=t))
        )

    def submit(self, batch: Batch) -> Future[Verdicts]:
        """Returns at once. Answers may come in any order, each on a thread of gRPC's."""
        future = self._calls.begin(late=self._late)
        try:
            client = self._connected()
            done = partial(self._answered, future, client, len(batch), time.perf_counter())
            client.async_infer(
                SENTIMENT.name, _inputs(batch), done, client_timeout=ABANDON * self._deadline_s
            )
        except (Unavailable, InferenceServerException, ValueError) as error:
            # ValueError: the channel was closed meanwhile.
            fail(future, Unavailable(NAME, str(error)))
            self._calls.end(future)
        return future

    def check(self) -> None:
        """`Unavailable` unless server and networks are ready; `UsageError` for other networks."""
        if waiting := self._not_ready():
            raise Unavailable(NAME, f"{self._address} is up, not ready: {', '.join(waiting)}")
        found = [d for model in (*MODELS, SENTIMENT) for d in self._differences(model)]
        if found:
            raise UsageError(
                f"the networks on {self._address} are not this version's: " + "; ".join(found)
            )

    def close(self) -> None:
        """Wait a little for requests in flight; what is left or comes then is `Unavailable`."""
        with self._lock:
            self._closed = True
        self._statistics.close()
        for future in self._calls.drain(min(CLOSE_S, self._deadline_s)):
            fail(future, Unavailable(NAME, "closed"))
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> grpc.InferenceServerClient:
        with self._lock:
            if self._closed:
                raise Unavailable(NAME, "closed")
            if self._client is None:
                self._client = _client(self._address, self._tls)
            return self._client

    def _drop(self, client: grpc.InferenceServerClient) -> None:
        """Connect anew for the next request.

        The old channel is let go, not closed: other requests may still get their
        answers through it, and closing waits, which this thread (gRPC's) must not.
        """
        with self._lock:
            if self._client is client:
                self._client = None

    def _answered(
        self,
        future: Future[Verdicts],
        client: grpc.InferenceServerClient,
        pairs: int,
        start: float,
        result: grpc.InferResult | None,
        error: InferenceServerException | None,
    ) -> None:
        self._calls.end(future)
        NETWORK_SECONDS.observe(time.perf_counter() - start)
        try:
            if error is not None or result is None:
                raise self._meaning(error, client)
            outputs = {t.name: result.as_numpy(t.name) for t in SENTIMENT.outputs}
            succeed(future, verified(NAME, outputs, pairs))
        except Exception as failure:  # everything must reach the future: nobody else looks here
            fail(future, failure)
        else:
            self._statistics.refresh()

    def _late(self) -> Unavailable:
        with self._lock:
            self._client = None
        return Unavailable(NAME, f"{self._address}: no answer within {self._deadline_s} s")

    def _meaning(
        self, error: InferenceServerException | None, client: grpc.InferenceServerClient
    ) -> UndertoneError:
        status, message = (error.status(), error.message()) if error else ("", "no answer")
        if status in _AT_FAULT:
            return BadBatch(f"{status}: {message}")
        self._drop(client)
        return Unavailable(NAME, f"{self._address}: {status} {message}")

    def _ask(self, question: Callable[[grpc.InferenceServerClient, float], T]) -> T:
        client = self._connected()
        try:
            return question(client, CHECK_DEADLINE_S)
        except (InferenceServerException, ValueError) as error:  # as in submit
            self._drop(client)
            raise Unavailable(NAME, f"{self._address}: {error}") from error

    def _not_ready(self) -> list[str]:
        """Which of our models; a server is not ready for the sake of others' models as well."""
        if self._ask(lambda client, t: client.is_server_ready(client_timeout=t)):
            return []
        return [
            model.name
            for model in (*MODELS, SENTIMENT)
            if not self._ask(partial(_is_ready, model.name))
        ]

    def _differences(self, model: Model) -> list[str]:
        try:
            found = self._ask(
                lambda client, t: client.get_model_metadata(model.name, client_timeout=t)
            )
        except Unavailable as error:
            if "NOT_FOUND" in str(error) or "unknown model" in str(error):
                return [f"there is no model {model.name}"]
            raise
        sides = ((model.inputs, found.inputs), (model.outputs, found.outputs))
        return [d for wanted, had in sides for d in _compare(model.name, wanted, had)] + (
            self._labels() if model is SENTIMENT else []
        )

    def _labels(self) -> list[str]:
        config = self._ask(
            lambda client, t: client.get_model_config(SENTIMENT.name, client_timeout=t)
        ).config
        labels, wanted = config.parameters["labels"].string_value, ",".join(LABELS)
        return [] if labels == wanted else [f"its labels are {labels or 'unknown'}, not {wanted}"]


def _client(address: str, tls: Tls | None) -> grpc.InferenceServerClient:
    files = tls or Tls()
    return grpc.InferenceServerClient(
        address,
        ssl=tls is not None,
        root_certificates=_name(files.authority),
        private_key=_name(files.key),
        certificate_chain=_name(files.certificate),
        channel_args=list(_CHANNEL),
    )


def _is_ready(model: str, client: grpc.InferenceServerClient, timeout_s: float) -> bool:
    return bool(client.is_model_ready(model, client_timeout=timeout_s))


def _name(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _inputs(batch: Batch) -> list[grpc.InferInput]:
    arrays = batch.inputs()
    inputs = []
    for tensor in SENTIMENT.inputs:
        array = arrays[tensor.name]
        wanted = grpc.InferInput(tensor.name, list(array.shape), _TYPES[tensor.dtype])
        wanted.set_data_from_numpy(array)
        inputs.append(wanted)
    return inputs


def _compare(model: str, wanted: tuple[Tensor, ...], had: Any) -> list[str]:
    found = {t.name: f"{t.datatype} {list(t.shape)}" for t in had}
    return [
        f"{model} has {found.get(t.name, 'nothing')} as {t.name}, not {described}"
        for t in wanted
        for described in [f"{_TYPES[t.dtype]} {[-1, *t.shape]}"]
        if found.get(t.name) != described
    ]
