"""A model repository that Triton can load: configurations here, ONNX files from elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

from models.signature import MODELS, SENTIMENT

HERE = Path(__file__).parent
VERSION = "1"


def assemble(
    artifacts: Path, target: Path, source: Path = HERE / "model_repository", *, copy: bool = False
) -> Path:
    """Make `target` anew: every model's configuration, and a link to its file in `artifacts`.

    `copy` puts the file itself there, for a container that sees no other folder.
    Raises FileNotFoundError where `artifacts` lacks one of the ONNX files.
    """
    shutil.rmtree(target, ignore_errors=True)
    for model in (*MODELS, SENTIMENT):
        (target / model.name / VERSION).mkdir(parents=True)
        shutil.copy(source / model.name / "config.pbtxt", target / model.name)
    for model in MODELS:
        file = (artifacts / f"{model.name}.onnx").resolve(strict=True)
        place = target / model.name / VERSION / "model.onnx"
        shutil.copy(file, place) if copy else place.symlink_to(file)
    return target
