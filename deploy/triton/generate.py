"""Writes Triton's model repository from `models.signature`: `python -m deploy.triton.generate`.

Two flavours of the same five models, both checked in, one test holding them to
the signature:

    model_repository        CPU: runs in NVIDIA's container, and with the
                            Python-based backend beside it where there is none
    model_repository_gpu    the same on KIND_GPU, with ONNX Runtime's TensorRT
                            accelerator where the arithmetic is (backbone, text)

The ONNX files are not in here: `deploy.triton.assemble` links them from
`models/artifacts`, and the container image copies them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from models.signature import LABELS, MODELS, NETWORKS, SENTIMENT, Model, Tensor
from services.inference.classifier import MAX_PAIRS

HERE = Path(__file__).parent
REPOSITORIES = {"model_repository": False, "model_repository_gpu": True}
"""Folder name, and whether it is for a GPU."""

QUEUE_DELAY_US = 1_000
"""How long Triton waits to join requests. Ours are batches already: hardly at all."""
QUEUE_TIMEOUT_US = 30_000_000
"""A request that waited this long is refused: its client has given up on it. Nothing bounds how
many wait (`max_queue_size`): a step of an ensemble that meets a full queue crashes the server, or
hangs (mended in 2026, pull request 466 of its core). The clients bound them."""
WARM_UP = {False: (1, 8), True: (1, MAX_PAIRS)}
"""Batch sizes sent at load, without and with a GPU, so that the first real request is not the
slow one. TensorRT builds an engine for the range of sizes it has seen, and anew, for minutes, for
one outside of it."""
TENSORRT_WORKSPACE = 2 << 30
ACCELERATED = ("backbone", "text")

_TYPES = {"uint8": "TYPE_UINT8", "int32": "TYPE_INT32", "float32": "TYPE_FP32"}


def configurations(gpu: bool) -> dict[str, str]:
    """`config.pbtxt` of every model, by the model's name."""
    single = {model.name: _single(model, gpu) for model in MODELS}
    return single | {SENTIMENT.name: _ensemble()}


def write(root: Path = HERE) -> None:
    """Write both repositories below `root`."""
    for folder, gpu in REPOSITORIES.items():
        for name, text in configurations(gpu).items():
            place = root / folder / name
            place.mkdir(parents=True, exist_ok=True)
            (place / "config.pbtxt").write_text(text, encoding="utf-8")


def _single(model: Model, gpu: bool) -> str:
    blocks = [
        *_head(model, 'backend: "onnxruntime"\ndefault_model_filename: "model.onnx"'),
        _instances(gpu),
        _BATCHING,
        *(_warm_up(model, size) for size in WARM_UP[gpu]),
    ]
    if gpu and model.name in ACCELERATED:
        blocks.append(_TENSORRT)
    return "\n".join(blocks) + "\n"


def _ensemble() -> str:
    """Backbone and text encoder side by side, then both networks side by side."""
    labels = f'parameters {{ key: "labels" value {{ string_value: "{",".join(LABELS)}" }} }}'
    steps = ",\n".join(_step(model) for model in MODELS)
    scheduling = f"ensemble_scheduling {{\n  step [\n{steps}\n  ]\n}}"
    return "\n".join([*_head(SENTIMENT, 'platform: "ensemble"'), labels, scheduling]) + "\n"


def _head(model: Model, kind: str) -> Iterator[str]:
    yield "# Generated from models/signature.py by deploy/triton/generate.py."
    yield f'name: "{model.name}"'
    yield f"{kind}\nmax_batch_size: {MAX_PAIRS}"
    yield from (_tensor("input", tensor) for tensor in model.inputs)
    yield from (_tensor("output", tensor) for tensor in model.outputs)
    yield "version_policy { latest { num_versions: 1 } }"


def _tensor(side: str, tensor: Tensor) -> str:
    return (
        f'{side} {{ name: "{tensor.name}" data_type: {_TYPES[tensor.dtype]} '
        f"dims: [ {_dims(tensor.shape)} ] }}"
    )


def _instances(gpu: bool) -> str:
    return f"instance_group {{ kind: {'KIND_GPU' if gpu else 'KIND_CPU'} count: 1 }}"


def _warm_up(model: Model, size: int) -> str:
    inputs = "\n".join(
        f'  inputs {{ key: "{t.name}" value {{ data_type: {_TYPES[t.dtype]} '
        f"dims: [ {_dims(t.shape)} ] zero_data: true }} }}"
        for t in model.inputs
    )
    return f'model_warmup {{\n  name: "zeros-{size}"\n  batch_size: {size}\n{inputs}\n}}'


def _step(model: Model) -> str:
    maps = [
        f'      {side}_map {{ key: "{t.name}" value: "{t.name}" }}'
        for side, tensors in (("input", model.inputs), ("output", model.outputs))
        for t in tensors
    ]
    return (
        f'    {{\n      model_name: "{model.name}"\n      model_version: -1\n'
        + "\n".join(maps)
        + "\n    }"
    )


def _dims(shape: Iterable[int]) -> str:
    return ", ".join(map(str, shape))


_BATCHING = f"""dynamic_batching {{
  max_queue_delay_microseconds: {QUEUE_DELAY_US}
  default_queue_policy {{
    timeout_action: REJECT
    default_timeout_microseconds: {QUEUE_TIMEOUT_US}
  }}
}}"""

# Single precision, as the files have it. Of its products NVIDIA's libraries keep TF32's ten bits
# on newer cards, unless the server's environment says NVIDIA_TF32_OVERRIDE=0.
_TENSORRT = f"""optimization {{
  execution_accelerators {{
    gpu_execution_accelerator {{
      name: "tensorrt"
      parameters {{ key: "precision_mode" value: "FP32" }}
      parameters {{ key: "max_workspace_size_bytes" value: "{TENSORRT_WORKSPACE}" }}
      parameters {{ key: "trt_engine_cache_enable" value: "true" }}
      parameters {{ key: "trt_engine_cache_path" value: "/tmp/tensorrt" }}
    }}
  }}
}}"""

assert set(NETWORKS) <= {model.name for model in MODELS}

if __name__ == "__main__":
    write()
