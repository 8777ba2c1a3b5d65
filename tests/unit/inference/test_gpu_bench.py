"""The GPU's benchmark, as far as it goes without one."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from deploy.triton.assemble import assemble
from models.signature import MODELS
from tests.bench import gpu


def test_without_a_card_it_says_so_and_measures_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no nvidia-smi there
    parser = argparse.ArgumentParser()
    gpu.add_arguments(parser)
    assert gpu.run(parser.parse_args([]), tmp_path, tmp_path) == 2
    assert "not run: no GPU" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_container_is_that_of_the_compose_file() -> None:
    assert gpu._image().startswith("nvcr.io/nvidia/tritonserver:")


def test_a_container_gets_copies_of_the_files(tmp_path: Path) -> None:
    networks = tmp_path / "networks"
    networks.mkdir()
    for model in MODELS:
        (networks / f"{model.name}.onnx").write_bytes(model.name.encode())
    made = assemble(networks, tmp_path / "models", copy=True)
    files = [made / model.name / "1" / "model.onnx" for model in MODELS]
    assert [f.read_bytes().decode() for f in files] == [model.name for model in MODELS]
    assert not any(f.is_symlink() for f in files)
