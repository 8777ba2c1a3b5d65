"""`predictions.parquet`: what every variant said of rows it was not trained on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.signature import LABELS

Probabilities = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
TEMPERATURES = np.geomspace(0.4, 4.0, 60)


def fit_temperature(probs: Probabilities, labels: Labels) -> float:
    """The temperature of least log loss (Guo et al. 2017), from a fine grid."""
    losses = [
        float(-np.log(scaled(probs, t)[np.arange(len(labels)), labels] + 1e-9).mean())
        for t in TEMPERATURES
    ]
    return float(TEMPERATURES[int(np.argmin(losses))])


def scaled(probs: Probabilities, temperature: float) -> Probabilities:
    """Probabilities as they are with all logits divided by `temperature`."""
    logits = np.log(np.clip(probs, 1e-7, 1.0)) / temperature
    raised = np.exp(logits - logits.max(1, keepdims=True))
    out: Probabilities = (raised / raised.sum(1, keepdims=True)).astype(np.float32)
    return out


def write_part(
    path: Path,
    ids: list[str],
    labels: Labels,
    probs: dict[str, Probabilities],
    fold: int,
    seed: int,
    split: str,
) -> None:
    """One part file: all variants on these rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for variant, p in probs.items():
        count = len(ids)
        columns: dict[str, object] = {
            "id": ids,
            "variant": [variant] * count,
            "fold": [fold] * count,
            "seed": [seed] * count,
            "split": [split] * count,
            "label": labels,
        }
        columns |= {f"p_{name}": p[:, at] for at, name in enumerate(LABELS)}
        tables.append(pa.table(columns))
    partial = path.with_suffix(".partial")
    pq.write_table(pa.concat_tables(tables), partial)
    partial.rename(path)


def join_parts(parts: Iterable[Path], out: Path) -> int:
    """All parts as one file; returns the number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.concat_tables([pq.read_table(path) for path in sorted(parts)])
    pq.write_table(table, out, compression="zstd")
    return int(table.num_rows)
