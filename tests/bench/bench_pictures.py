"""From a JPEG with a short side of 320 to 224 x 224 pixels, and texts to tokens, on one core.

    python -m tests.bench.bench_pictures

Measures what the services use, and whatever else of the candidates is
installed (opencv-python-headless, simplejpeg, pyvips[binary]; none is needed).
`differs` is the mean distance to training's rule (`models.picture`), in levels
of 255. The last line is JSON.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from models.picture import decode, prepare
from models.signature import IMAGE_SIZE
from models.tokenizer import Tokenizer
from services.inference.pictures import pixels
from tests.bench.processor_time import rate

DATA = Path(__file__).parents[3] / "shared" / "data"
COUNT = 600
ROUNDS = 3
SIZE = (IMAGE_SIZE, IMAGE_SIZE)

Decoder = Callable[[bytes], np.ndarray]


def square(rgb: np.ndarray) -> np.ndarray:
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return rgb[top : top + side, left : left + side]


def pillow_box(jpeg: bytes) -> np.ndarray:
    image = Image.fromarray(square(np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))))
    return np.asarray(image.resize(SIZE, Image.Resampling.BOX))


def opencv() -> Decoder:
    cv2 = import_module("cv2")
    cv2.setNumThreads(1)

    def run(jpeg: bytes) -> np.ndarray:
        found = square(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))
        kind = cv2.INTER_AREA if len(found) > IMAGE_SIZE else cv2.INTER_LINEAR
        return cv2.cvtColor(cv2.resize(found, SIZE, interpolation=kind), cv2.COLOR_BGR2RGB)

    return run


def turbo() -> Decoder:
    simplejpeg = import_module("simplejpeg")

    def run(jpeg: bytes) -> np.ndarray:
        image = Image.fromarray(square(simplejpeg.decode_jpeg(jpeg)))
        return np.asarray(image.resize(SIZE, Image.Resampling.BILINEAR))

    return run


def vips() -> Decoder:
    os.environ["VIPS_CONCURRENCY"] = "1"
    pyvips = import_module("pyvips")
    pyvips.cache_set_max(0)

    def run(jpeg: bytes) -> np.ndarray:
        made = pyvips.Image.thumbnail_buffer(jpeg, IMAGE_SIZE, height=IMAGE_SIZE, crop="centre")
        return made.numpy()[..., :3]

    return run


def candidates() -> dict[str, Decoder]:
    found: dict[str, Decoder] = {
        "services (Pillow, bilinear)": pixels,
        "Pillow, box": pillow_box,
        "training's rule (numpy)": lambda jpeg: prepare(decode(jpeg)),
    }
    for name, make in {"OpenCV": opencv, "simplejpeg + Pillow": turbo, "pyvips": vips}.items():
        try:
            found[name] = make()
        except (ImportError, OSError):
            print(f"{name}: not installed")
    return found


def main() -> None:
    table = pq.read_table(DATA / "mvsa_single" / "train.parquet", columns=["text", "image"])
    jpegs = table.column("image").to_pylist()[:COUNT]
    wanted = [prepare(decode(jpeg)).astype(int) for jpeg in jpegs[:100]]
    figures: dict[str, float] = {}
    for name, run in candidates().items():
        made = [run(jpeg) for jpeg in jpegs[:100]]
        differs = np.mean([np.abs(a - b).mean() for a, b in zip(made, wanted, strict=True)])
        figures[name] = rate(lambda run=run: [run(jpeg) for jpeg in jpegs], COUNT, ROUNDS)
        print(f"{name:28} {figures[name]:6.0f} pictures/s   differs {differs:.2f}")
    texts = table.column("text").to_pylist()
    fresh = iter([Tokenizer.load() for _ in range(ROUNDS)])
    figures["texts"] = rate(lambda: next(fresh).encode_batch(texts), len(texts), ROUNDS)
    print(f"{'tokenizer, cold caches':28} {figures['texts']:6.0f} texts/s")
    rounded = {name: round(value, 1) for name, value in figures.items()}
    print(json.dumps({"bench": "pictures", **rounded}))


if __name__ == "__main__":
    main()
