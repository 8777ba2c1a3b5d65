"""The model repository says what the signature says."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.triton import generate
from deploy.triton.assemble import assemble
from models.signature import MODELS, SENTIMENT
from services.inference.classifier import MAX_PAIRS

NAMES = [model.name for model in (*MODELS, SENTIMENT)]


@pytest.mark.parametrize("folder", sorted(generate.REPOSITORIES))
def test_what_is_checked_in_is_what_the_signature_makes(folder: str) -> None:
    wanted = generate.configurations(gpu=generate.REPOSITORIES[folder])
    place = Path(generate.__file__).parent / folder
    assert sorted(p.name for p in place.iterdir()) == sorted(wanted)
    for name, text in wanted.items():
        assert (place / name / "config.pbtxt").read_text("utf-8") == text, (
            "run python -m deploy.triton.generate"
        )


def test_the_flavours_differ_in_where_they_run_only() -> None:
    cpu, gpu = generate.configurations(False), generate.configurations(True)
    assert cpu["sentiment"] == gpu["sentiment"]
    for name in ("dmlanet", "rnnca"):
        assert cpu[name].replace("KIND_CPU", "KIND_GPU") == gpu[name]
    assert 'name: "tensorrt"' in gpu["backbone"]
    assert f"max_batch_size: {MAX_PAIRS}" in cpu["backbone"]


def test_a_repository_links_the_onnx_files(tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    for model in MODELS:
        (artifacts / f"{model.name}.onnx").write_bytes(model.name.encode())
    made = assemble(artifacts, tmp_path / "models")
    assert sorted(p.name for p in made.iterdir()) == sorted(NAMES)
    assert (made / "text/1/model.onnx").read_bytes() == b"text"
    assert list((made / "sentiment/1").iterdir()) == []


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        assemble(tmp_path, tmp_path / "models")
