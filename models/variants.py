"""Which heads a run trains: the two networks, their ablations, the comparators.

All heads of a fit read the same projection and text encoder and all of them
shape it; each has its own loss. So a difference between two rows of the tables
is a difference of the heads alone, and late fusion is one of the same encoders.
"""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from models import baselines
from models.baselines import BaselineConfig
from models.dmlanet import DmlaNet, DmlaNetConfig
from models.rnnca import RnnCa, RnnCaConfig
from models.signature import TEXT_DIM

COMPARATORS = (
    "majority",
    "text_only",
    "picture_only",
    "early_fusion",
    "later_fusion",
    "deep_fusion",
    "ccr",
    "lstm_embedding",
)


def networks(text_dim: int = TEXT_DIM, suffix: str = "") -> dict[str, nn.Module]:
    """DMLANet and RNN-CA Embedding, in full."""
    return {
        f"dmlanet{suffix}": DmlaNet(DmlaNetConfig(text_dim=text_dim)),
        f"rnnca{suffix}": RnnCa(RnnCaConfig(text_dim=text_dim)),
    }


def ablations() -> dict[str, nn.Module]:
    """Each without one of its parts."""
    dml, rnn = DmlaNetConfig(), RnnCaConfig()
    return {
        "dmlanet-no_channel_spatial": DmlaNet(replace(dml, channel_spatial=False)),
        "dmlanet-no_semantic": DmlaNet(replace(dml, semantic=False)),
        "dmlanet-no_self_attention": DmlaNet(replace(dml, self_attention=False)),
        "rnnca-no_attention": RnnCa(replace(rnn, attention=False)),
        "rnnca-no_embedding": RnnCa(replace(rnn, embedding=False)),
    }


def comparators(prior: tuple[float, ...]) -> dict[str, nn.Module]:
    """The baselines; `prior` holds the class shares of the training rows."""
    return {name: baselines.build(BaselineConfig(name=name, prior=prior)) for name in COMPARATORS}
