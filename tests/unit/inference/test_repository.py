"""The model repository says what the signature says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from deploy.triton import generate
from deploy.triton.assemble import assemble
from models.signature import MODELS, SENTIMENT
from services.inference.classifier import MAX_PAIRS
from tests.bench import gpu

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
    cpu, cuda = generate.configurations(False), generate.configurations(True)
    assert cpu["sentiment"] == cuda["sentiment"]
    for name in ("dmlanet", "rnnca"):
        ours, theirs = (text.partition("model_warmup")[0] for text in (cpu[name], cuda[name]))
        assert ours.replace("KIND_CPU", "KIND_GPU") == theirs
    assert 'name: "tensorrt"' in cuda["backbone"]
    assert f"max_batch_size: {MAX_PAIRS}" in cpu["backbone"]


@pytest.mark.parametrize("on_gpu", [False, True])
def test_no_queue_is_bounded_by_number(on_gpu: bool) -> None:
    """An ensemble that meets a full queue takes the server down."""
    for name, text in generate.configurations(on_gpu).items():
        assert "max_queue_size" not in text, name


def test_engines_are_built_for_every_size_before_the_first_request() -> None:
    for name, text in generate.configurations(gpu=True).items():
        sizes = [int(size) for size in re.findall(r"^  batch_size: (\d+)$", text, re.MULTILINE)]
        assert name == SENTIMENT.name or (min(sizes), max(sizes)) == (1, MAX_PAIRS)


def test_composes_gpu_service_has_the_card_the_repository_and_time_for_its_engines() -> None:
    root = Path(generate.__file__).parents[2]
    (service,) = yaml.safe_load((root / "deploy/docker-compose.gpu.yml").read_text())[
        "services"
    ].values()
    assert (root / service["build"]["args"]["MODEL_REPOSITORY"] / SENTIMENT.name).is_dir()
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert int(service["healthcheck"]["start_period"].removesuffix("s")) >= gpu.READY_S


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
