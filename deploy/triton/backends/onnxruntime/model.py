"""A Triton backend named `onnxruntime`, in Python: for a Triton without NVIDIA's container.

Serves the same repository as the C++ backend of that name: it reads
`<version>/model.onnx`, runs the requests that Triton's dynamic batcher hands
over, and gives every request its rows back. Rows run in chunks, a chunk a
core: with these networks that is half again as fast as a whole batch on all
cores. The parameter `threads` says on how many (default: all).

Runs inside Triton's stub process, with the packages of the virtual
environment that is first on the server's PATH; numpy must be older than 2.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

CHUNK = 8
"""Rows in a run; more leave the cache."""


class TritonPythonModel:
    """One instance of one model."""

    def initialize(self, args):
        config = json.loads(args["model_config"])
        file = (
            Path(args["model_repository"])
            / args["model_version"]
            / (config["default_model_filename"] or "model.onnx")
        )
        self.session = onnxruntime.InferenceSession(
            str(file), _options(), providers=["CPUExecutionProvider"]
        )
        threads = config["parameters"].get("threads", {}).get("string_value", "0")
        self.threads = int(threads) or len(os.sched_getaffinity(0))
        self.cores = ThreadPoolExecutor(self.threads)
        self.inputs = [tensor["name"] for tensor in config["input"]]
        self.outputs = [tensor["name"] for tensor in config["output"]]

    def execute(self, requests):
        """Answers, one a request; an error of the run is every joined request's error."""
        try:
            return self._run(requests)
        except Exception as error:
            failed = pb_utils.TritonError(f"{type(error).__name__}: {error}")
            return [pb_utils.InferenceResponse(error=failed) for _ in requests]

    def finalize(self):
        self.cores.shutdown()

    def _run(self, requests):
        parts = [[_array(request, name) for request in requests] for name in self.inputs]
        counts = [len(array) for array in parts[0]]
        rows = min(CHUNK, -(-sum(counts) // self.threads))
        # Chunks end where requests end, so that nothing is joined that was apart: no copies.
        places = [
            (number, slice(at, at + rows))
            for number, count in enumerate(counts)
            for at in range(0, count, rows)
        ]
        results = list(self.cores.map(lambda place: self._chunk(parts, *place), places))
        return [
            self._response([r for r, (of, _) in zip(results, places, strict=True) if of == number])
            for number in range(len(requests))
        ]

    def _chunk(self, parts, request, rows):
        feeds = {n: p[request][rows] for n, p in zip(self.inputs, parts, strict=True)}
        return self.session.run(self.outputs, feeds)

    def _response(self, chunks):
        arrays = [c[0] if len(c) == 1 else np.concatenate(c) for c in zip(*chunks, strict=True)]
        named = zip(self.outputs, arrays, strict=True)
        return pb_utils.InferenceResponse([pb_utils.Tensor(n, array) for n, array in named])


def _array(request, name):
    """A view of the request's tensor in shared memory: no copy."""
    return pb_utils.get_input_tensor_by_name(request, name).as_numpy()


def _options():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return options
