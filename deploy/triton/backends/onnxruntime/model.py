"""A Triton backend named `onnxruntime`, in Python: for a Triton without NVIDIA's container.

Serves the same repository as the C++ backend of that name: it reads
`<version>/model.onnx`, joins the requests that Triton's dynamic batcher hands
over, runs ONNX Runtime once, and gives every request its rows back. Honours
the parameter `intra_op_thread_count` (0, the default: a thread per core).

Runs inside Triton's stub process, with the packages of the virtual
environment that is first on the server's PATH; numpy must be older than 2.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


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
            str(file), _options(config), providers=["CPUExecutionProvider"]
        )
        self.inputs = [tensor["name"] for tensor in config["input"]]
        self.outputs = [tensor["name"] for tensor in config["output"]]

    def execute(self, requests):
        """Answers, one a request; an error of the run is every joined request's error."""
        try:
            return self._run(requests)
        except Exception as error:
            failed = pb_utils.TritonError(f"{type(error).__name__}: {error}")
            return [pb_utils.InferenceResponse(error=failed) for _ in requests]

    def _run(self, requests):
        parts = [[_array(request, name) for request in requests] for name in self.inputs]
        feeds = {
            name: arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
            for name, arrays in zip(self.inputs, parts, strict=True)
        }
        results = self.session.run(self.outputs, feeds)
        responses, start = [], 0
        for first in parts[0]:
            stop = start + len(first)
            responses.append(
                pb_utils.InferenceResponse(
                    [
                        pb_utils.Tensor(n, r[start:stop])
                        for n, r in zip(self.outputs, results, strict=True)
                    ]
                )
            )
            start = stop
        return responses


def _array(request, name):
    """A view of the request's tensor in shared memory: no copy."""
    return pb_utils.get_input_tensor_by_name(request, name).as_numpy()


def _options(config):
    options = onnxruntime.SessionOptions()
    threads = config["parameters"].get("intra_op_thread_count", {}).get("string_value", "0")
    options.intra_op_num_threads = int(threads)
    # Every model has its own process and threads: one that waits must not hold a core.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options
