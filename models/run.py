"""A run folder: its configuration, what is in it, what is computed on demand."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from models.backbone import BackboneConfig
from models.data import (
    MVSA_PAIRS,
    TWEETS,
    DataError,
    Pairs,
    Tweets,
    load_tweets,
    prepared,
)
from models.describe import hashes
from models.encoder import TextEncoder
from models.features import feature_maps, kept, lower_states
from models.fit import FitConfig, Store
from models.folds import Fold, copies, folds, groups
from models.joint import LossConfig
from models.pretrain import PretrainConfig, TextClassifier
from models.published import load
from models.tokenizer import Tokenizer


class ConfigError(ValueError):
    """The run folder holds the results of another configuration."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that a run's results depend on; kept as `config.json`.

    `tweets_kept` tweets stay beside the pairs when the networks train; the
    lowest `frozen_layers` of the text encoder's six are left as the tweets made them.
    """

    pairs: str = str(MVSA_PAIRS)
    tweets: str = str(TWEETS)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    pretrain: PretrainConfig = field(default_factory=PretrainConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    folds: int = 5
    seeds: int = 3
    tweets_kept: int = 8000
    frozen_layers: int = 6


@dataclass
class Run:
    """The folder and its configuration; data is read when first asked for."""

    folder: Path
    config: TrainConfig

    @classmethod
    def open(cls, folder: Path, config: TrainConfig) -> Run:
        """New, or as it was left; ConfigError if it was begun with another configuration."""
        folder.mkdir(parents=True, exist_ok=True)
        path, content = folder / "config.json", json.dumps(asdict(config), indent=1) + "\n"
        if not path.is_file():
            partial = folder / f"config.{os.getpid()}.partial"  # shares of a run begin at once
            partial.write_text(content)
            partial.rename(path)
        if path.read_text() != content:
            raise ConfigError(f"{path} is of another configuration: choose another --run")
        return cls(folder, config)

    @classmethod
    def existing(cls, folder: Path) -> Run:
        """A run that was trained; DataError if there is none."""
        path = folder / "config.json"
        if not path.is_file():
            raise DataError(f"no {path}: train first (make train)")
        content = json.loads(path.read_text())
        content["fit"]["loss"] = LossConfig(**content["fit"]["loss"])
        parts = {"backbone": BackboneConfig, "pretrain": PretrainConfig, "fit": FitConfig}
        for name, kind in parts.items():
            content[name] = kind(**content[name])
        return cls(folder, TrainConfig(**content))

    @cached_property
    def pairs(self) -> Pairs:
        return load(Path(self.config.pairs))

    @cached_property
    def tweets(self) -> Tweets:
        return load_tweets(Path(self.config.tweets), without=self.pairs.texts)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer.load()

    @cached_property
    def folds(self) -> list[Fold]:
        """The first `config.folds` of five; the same for every seed."""
        group = groups(len(self.pairs), copies(self.pairs.texts, hashes(self.pairs)))
        return folds(self.pairs.labels, group)[: self.config.folds]

    def tweet_tokens(self, part: str) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """(tokens, labels) of the train, dev or test tweets."""
        texts, labels = self.tweets.part(part)
        return self.tokenizer.encode_batch(texts), labels

    def encoder(self) -> TextEncoder:
        """The text encoder as the tweets left it."""
        classifier = TextClassifier(TextEncoder())
        classifier.load_state_dict(torch.load(self.folder / "text.pt", weights_only=True))
        return classifier.encoder

    def maps(self, device: str) -> torch.Tensor:
        """Feature maps (N, C, 7, 7) of the pairs."""
        return kept(
            self.folder / "maps.pt",
            lambda: feature_maps(prepared(self.pairs)[0], self.config.backbone, device),
        )

    def store(self, device: str) -> Store:
        """All pairs, then `config.tweets_kept` tweets, as training reads them."""
        tokens, labels = self.tweet_tokens("train")
        random = np.random.default_rng(0)
        some = random.permutation(len(labels))[: self.config.tweets_kept]
        every = np.concatenate([self.tokenizer.encode_batch(self.pairs.texts), tokens[some]])
        ids = torch.from_numpy(every).long()
        lower = kept(
            self.folder / "states.pt",
            lambda: lower_states(self.encoder(), self.config.frozen_layers, ids, device),
        )
        both = torch.from_numpy(np.concatenate([self.pairs.labels, labels[some]]))
        return Store(self.maps(device), ids, lower, both)
