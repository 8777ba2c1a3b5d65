"""Train everything, from the data to the run folder (`make train`).

    python -m models.train --run runs/default            # all of it
    python -m models.train --run runs/quick --folds 2 --seeds 1 --epochs 1
    python -m models.train --run runs/default --device cuda

Stages, each skipped where the run folder already holds its result, so that an
interrupted run goes on where it stopped when the same command is given again
(with `--stage folds --share 1/2` and `2/2`, two processes divide the folds):

    features   feature maps of the pictures                       maps.pt
    text       the text encoder learns sentiment from tweets      text.pt
    folds      networks, ablations and comparators, folds x seeds parts/
    glove      the papers' own text side: GloVe and an LSTM       parts/
    alone      the fusions trained on their own, the bar at best  parts/
    final      the networks that ship, on all pairs               final.pt

On a machine that is busy with other things set OMP_WAIT_POLICY=passive: threads
that spin while they wait for each other made the text stage five times slower.

`predictions.parquet` joins what was said of rows held out (test and validation
parts of the folds, and tweets held back); `config.json`, `curves.json` say how.
Figures are those of the folds; the final networks have seen every pair and have
none of their own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from models import alone, stages
from models.backbone import BACKBONES, BackboneConfig, MissingWeights
from models.data import MVSA_PAIRS, TWEETS, DataError
from models.fit import FitConfig
from models.run import ConfigError, Run, TrainConfig

STAGES = ("features", "text", "folds", "glove", "final", "alone")


def main() -> None:
    options = _parser().parse_args()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    try:
        run = Run.open(options.run, _config(options))
        train(run, options.stage or STAGES, options.device, options.share)
    except (DataError, MissingWeights, ConfigError) as error:
        sys.exit(str(error))


def train(run: Run, wanted: Sequence[str], device: str, share: tuple[int, int]) -> None:
    """The stages that are wanted, in order."""
    todo = {
        "features": stages.features,
        "text": stages.text,
        "folds": partial(stages.all_folds, share=share),
        "glove": stages.glove,
        "final": stages.final,
        "alone": alone.train,
    }
    for name, stage in todo.items():
        if name in wanted:
            stage(run, device)
    stages.gather(run)


def _config(options: argparse.Namespace) -> TrainConfig:
    base = TrainConfig()
    fit = replace(base.fit, epochs=options.epochs or base.fit.epochs)
    return replace(
        base,
        pairs=str(options.pairs),
        tweets=str(options.tweets),
        backbone=BackboneConfig(options.backbone, options.weights),
        fit=fit,
        folds=options.folds,
        seeds=options.seeds,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--run", type=Path, required=True, help="run folder, new or to be continued")
    add("--stage", action="append", choices=STAGES, help="only this one (repeat for more)")
    add("--pairs", type=Path, default=MVSA_PAIRS, help="Parquet: id, text, label, image")
    add("--tweets", type=Path, default=TWEETS, help="Parquet: text, label")
    add("--backbone", choices=BACKBONES, default=BackboneConfig().name)
    add("--weights", help="path of the backbone's weights, if they are not installed")
    add("--folds", type=int, default=5, help="folds that are trained, 1 to 5 (default 5)")
    add("--seeds", type=int, default=3, help="seeds a fold (default 3)")
    add("--epochs", type=int, help=f"epochs a fit (default {FitConfig().epochs})")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--share", type=_share, default=(1, 1), metavar="K/N", help="folds: the K-th of N shares")
    add("--threads", type=int, help="processor threads (default: all)")
    return parser


def _share(text: str) -> tuple[int, int]:
    mine, _, of = text.partition("/")
    if not (mine.isdigit() and of.isdigit() and 1 <= int(mine) <= int(of)):
        raise argparse.ArgumentTypeError(f"{text!r} is no share such as 1/2")
    return int(mine), int(of)


if __name__ == "__main__":
    main()
