"""manifest.json of the artefacts: what each file is, from what, how good, under which terms."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

LICENCES = {
    "backbone.onnx": "Apache-2.0 (EfficientNet-Lite, Google); projection trained on MVSA-Single",
    "text.onnx": "Apache-2.0 (all-MiniLM-L6-v2); tuned on SemEval 2013-2016",
    "dmlanet.onnx": "Apache-2.0 (this project); trained on MVSA-Single and SemEval 2013-2016",
    "rnnca.onnx": "Apache-2.0 (this project); trained on MVSA-Single and SemEval 2013-2016",
    "vocab.txt": "Apache-2.0 (all-MiniLM-L6-v2)",
}
DATA = {
    "pairs": "MVSA-Single (Niu et al. 2016), research use; 3,965 image-text tweets",
    "tweets": "SemEval 2013-2016 subtask A, research use; text only, a tenth held back",
    "pictures": "ImageNet, by the weights of the backbone",
}


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_manifest(folder: Path, figures: dict[str, Any]) -> Path:
    """Describe every artefact in `folder`; `figures` are the measured ones."""
    files = {
        name: {
            "sha256": sha256(folder / name),
            "bytes": (folder / name).stat().st_size,
            "licence": licence,
        }
        for name, licence in LICENCES.items()
    }
    path = folder / "manifest.json"
    content = {"files": files, "data": DATA, "figures": figures}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path
