"""The networks in this process, with small random ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from prometheus_client import REGISTRY

from models.signature import MAX_TOKENS
from services.errors import UsageError
from services.inference.classifier import Batch
from services.inference.local import LocalClassifier
from tests.servers import onnx_files


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"backbone\.onnx"):
        LocalClassifier(tmp_path, threads=1)


def test_networks_of_another_version_are_refused(tmp_path: Path) -> None:
    networks = LocalClassifier(onnx_files.write(tmp_path, fault="shapes"), threads=1)
    with pytest.raises(UsageError, match=r"dmlanet\.onnx has tensor\(float\) \(2,\) as DMLANET"):
        networks.check()
    networks.close()


def test_a_text_is_encoded_once_and_a_masked_side_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = LocalClassifier(onnx_files.write(tmp_path), threads=1)
    runs: list[tuple[str, int]] = []
    run = networks._run

    def spied(model, feeds):  # type: ignore[no-untyped-def]
        runs.append((model.name, len(next(iter(feeds.values())))))
        return run(model, feeds)

    monkeypatch.setattr(networks, "_run", spied)
    tokens = np.zeros((4, MAX_TOKENS), np.int32)
    tokens[:3, 0] = [7, 7, 8]
    images = np.full((4, 224, 224, 3), 50, np.uint8)
    has_image = np.array([[1], [0], [1], [0]], np.float32)
    before = seen("backbone"), seen("rnnca")
    networks.submit(Batch(images, has_image, tokens)).result(10)
    assert runs == [("backbone", 2), ("text", 2), ("dmlanet", 4), ("rnnca", 4)]
    assert (seen("backbone"), seen("rnnca")) == (before[0] + 1, before[1] + 1)
    networks.close()


def seen(model: str) -> float:
    """Runs whose time was taken."""
    return REGISTRY.get_sample_value("undertone_model_seconds_count", {"model": model}) or 0.0
