"""Exported files answer as torch does, at any batch, also packed; the shipped ones are as told."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="export needs the extra `train`")
pytest.importorskip("onnx", reason="export needs the extra `train`")

from models import signature  # noqa: E402
from models.dmlanet import DmlaNet  # noqa: E402
from models.encoder import TextEncoder  # noqa: E402
from models.export import to_onnx  # noqa: E402
from models.onnx_modules import NetworkModule, PackedTable, TextModule  # noqa: E402
from models.parity import compare  # noqa: E402
from models.quantise import session  # noqa: E402
from models.rnnca import RnnCa  # noqa: E402

ARTIFACTS = Path("models/artifacts")


def tokens(count: int) -> np.ndarray:
    out = np.zeros((count, signature.MAX_TOKENS), np.int32)
    for row, ids in enumerate(out):
        ids[: row % 9] = [101, 2023, 2003, 2307, 999, 2000, 2293, 102][: row % 9]
    return out


@pytest.mark.slow
@pytest.mark.parametrize("model", [signature.DMLANET, signature.RNNCA], ids=lambda m: m.name)
def test_a_network_answers_as_in_torch_at_any_batch(model: signature.Model, tmp_path: Path) -> None:
    torch.manual_seed(0)
    head = DmlaNet() if model is signature.DMLANET else RnnCa()
    module = NetworkModule(head, 1.3, (0.3, 0.1, 0.6)).eval()
    to_onnx(module, model, tmp_path / "net.onnx")
    run = session(tmp_path / "net.onnx", threads=1)
    for count in (1, 5):
        random = np.random.default_rng(count)
        given = {
            t.name: random.normal(size=(count, *t.shape)).astype(np.float32) for t in model.inputs
        }
        given |= {"TOKENS": tokens(count), "HAS_IMAGE": np.ones((count, 1), np.float32)}
        with torch.inference_mode():
            expected = module(*(torch.from_numpy(given[t.name]) for t in model.inputs))
        for ours, theirs in zip(run.run(None, given), expected, strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)


@pytest.mark.slow
def test_the_text_encoder_reads_only_as_far_as_needed(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = TextModule(TextEncoder()).eval()
    to_onnx(module, signature.TEXT, tmp_path / "text.onnx")
    run = session(tmp_path / "text.onnx", threads=1)
    for count in (1, 9):
        (states,) = run.run(None, {"TOKENS": tokens(count)})
        assert states.shape == (count, *signature.STATES.shape)
        with torch.inference_mode():
            whole = module.encoder(torch.from_numpy(tokens(count)).long()).numpy()
        np.testing.assert_allclose(states, whole, atol=1e-3)


def test_packed_words_are_near_the_table() -> None:
    torch.manual_seed(0)
    table = torch.randn(50, 16) * torch.rand(50, 1)
    packed = PackedTable(table)(torch.arange(50))
    limit = table.abs().amax(1, keepdim=True) / 254 + 1e-6
    assert ((packed - table).abs() <= limit).all()


def test_compare_counts_changed_labels() -> None:
    def told(p: list[list[float]]) -> dict[str, np.ndarray]:
        return {f"{name.upper()}_PROBS": np.array(p) for name in signature.NETWORKS}

    found = compare(
        told([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]]),
        told([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1]]),
        np.array([0, 2]),
    )
    assert found["label_agreement"] == 0.5
    assert found["accuracy_change"] == -0.5


def test_the_manifest_is_true() -> None:
    manifest = json.loads((ARTIFACTS / "manifest.json").read_text())
    assert {f"{m.name}.onnx" for m in signature.MODELS} <= set(manifest["files"])
    for name, told in manifest["files"].items():
        content = (ARTIFACTS / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == told["sha256"], name
        assert len(content) == told["bytes"]
    total = sum(told["bytes"] for told in manifest["files"].values())
    assert total <= 40_000_000
    assert manifest["figures"]["fp32_against_torch"] <= 1e-3
