"""The networks in this process, through ONNX Runtime. The one file that imports it."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.signature import (
    BACKBONE,
    DMLANET,
    FEATURES,
    IMAGE,
    MODELS,
    PAD_ID,
    RNNCA,
    STATES,
    TEXT,
    TOKENS,
    Model,
    Tensor,
)
from services.errors import UsageError
from services.inference.classifier import Array, BadBatch, Batch, Verdicts, verified
from services.metrics import MODEL_SECONDS

NAME = "networks"
_TYPES = {"uint8": "tensor(uint8)", "int32": "tensor(int32)", "float32": "tensor(float)"}


CHUNK = 8
"""Rows that run together on one core. On two cores, pictures a second through the backbone
by rows a run: 484 at 1, 459 at 8, 381 at 16, 350 at 32, where they leave the cache."""


class LocalClassifier:
    """Four ONNX files on `threads` cores.

    A batch is cut into chunks, each of which goes through all files on one
    core: half again as fast as one file after the other on all cores. The
    backbone sees only the rows that have a picture and the text encoder only
    different texts that have words; the networks mask the other side. No row
    depends on another (the contract suite holds the files to it), so nothing
    of this changes a verdict.
    """

    def __init__(self, artifacts: Path, threads: int) -> None:
        """Load `<artifacts>/<model>.onnx`. `UsageError` where one is missing or unreadable."""
        self._sessions = {m.name: _load(artifacts / f"{m.name}.onnx") for m in MODELS}
        self._threads = threads
        self._cores = ThreadPoolExecutor(threads, thread_name_prefix="networks")
        self._joiner = ThreadPoolExecutor(threads, thread_name_prefix="batches")

    def submit(self, batch: Batch) -> Future[Verdicts]:
        return self._joiner.submit(self._score, batch)

    def check(self) -> None:
        """`UsageError` unless every file has the signature's tensors."""
        found = [d for m in MODELS for d in _differences(m, self._sessions[m.name])]
        if found:
            raise UsageError("the ONNX files do not match this version: " + "; ".join(found))

    def close(self) -> None:
        """Finish what was submitted."""
        self._joiner.shutdown()
        self._cores.shutdown()

    def _score(self, batch: Batch) -> Verdicts:
        rows = min(CHUNK, -(-len(batch) // self._threads))
        chunks = [batch[at : at + rows] for at in range(0, len(batch), rows)]
        parts = list(self._cores.map(self._chunk, chunks))
        outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return verified(NAME, outputs, len(batch))

    def _chunk(self, batch: Batch) -> dict[str, Array]:
        feeds = batch.inputs() | {
            FEATURES.name: self._features(batch),
            STATES.name: self._states(batch.tokens),
        }
        return self._run(DMLANET, feeds) | self._run(RNNCA, feeds)

    def _features(self, batch: Batch) -> NDArray[np.float32]:
        """(N, REGIONS, CHANNELS); zeros where there is no picture."""
        rows = np.flatnonzero(batch.has_image)
        return self._some(BACKBONE, IMAGE, batch.images, rows, FEATURES)

    def _states(self, tokens: NDArray[np.int32]) -> NDArray[np.float32]:
        """(N, MAX_TOKENS, TEXT_DIM); zeros where there are no words. A text is encoded once."""
        different, places = np.unique(tokens, axis=0, return_inverse=True)
        rows = np.flatnonzero((different != PAD_ID).any(axis=1))
        states = self._some(TEXT, TOKENS, different, rows, STATES)
        return states if len(states) == 1 == len(tokens) else states[places.reshape(-1)]

    def _some(
        self, model: Model, takes: Tensor, values: Array, rows: NDArray[np.intp], gives: Tensor
    ) -> NDArray[np.float32]:
        if len(rows) == len(values):
            return self._run(model, {takes.name: values})[gives.name]
        result = np.zeros((len(values), *gives.shape), dtype=gives.dtype)
        if len(rows):
            result[rows] = self._run(model, {takes.name: values[rows]})[gives.name]
        return result

    def _run(self, model: Model, feeds: dict[str, Array]) -> dict[str, Array]:
        names = [tensor.name for tensor in model.outputs]
        try:
            with MODEL_SECONDS.labels(model.name).time():
                results = self._sessions[model.name].run(
                    names, {tensor.name: feeds[tensor.name] for tensor in model.inputs}
                )
        except Exception as error:  # ONNX Runtime's errors share no root but this
            raise BadBatch(f"{model.name}: {error}") from error
        return dict(zip(names, results, strict=True))


def _load(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise UsageError(f"can't load {path}: {error}") from error


def _differences(model: Model, session: onnxruntime.InferenceSession) -> list[str]:
    sides = ((model.inputs, session.get_inputs()), (model.outputs, session.get_outputs()))
    return [
        f"{model.name}.onnx has {_found(nodes, t.name)} as {t.name}, "
        f"not {_TYPES[t.dtype]} {t.shape}"
        for tensors, nodes in sides
        for t in tensors
        if not any(_fits(node, t) for node in nodes)
    ]


def _fits(node: Any, tensor: Tensor) -> bool:
    """Dimensions that the file leaves open fit everything."""
    same = node.name == tensor.name and node.type == _TYPES[tensor.dtype]
    dims = node.shape[1:]
    return (
        same
        and len(dims) == len(tensor.shape)
        and all(
            not isinstance(found, int) or found == wanted
            for found, wanted in zip(dims, tensor.shape, strict=True)
        )
    )


def _found(nodes: Any, name: str) -> str:
    found = {node.name: f"{node.type} {tuple(node.shape[1:])}" for node in nodes}
    return found.get(name, "nothing")
