"""The comparators, small and plain, on the same inputs as the two networks.

Those that the RNN-CA paper compares itself with, and the three every table
needs: majority class, text only, picture only. Each takes

    features   (B, 49, C)   regions of the picture
    has_image  (B, 1)       1 or 0
    states     (B, T, D)    states of the tokens
    tokens     (B, T)       ids, 0 is padding

and gives logits (B, classes). `loss` is what it is trained on: cross-entropy,
and for some an extra term. Missing sides are masked: their pooled vector is 0,
and a late fusion falls back on the side that is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.signature import CHANNELS, LABELS, PAD_ID, TEXT_DIM


@dataclass(frozen=True, slots=True)
class BaselineConfig:
    """Sizes; `prior` (class shares of the training part) is for the majority alone."""

    name: str
    channels: int = CHANNELS
    text_dim: int = TEXT_DIM
    hidden: int = 128
    classes: int = len(LABELS)
    dropout: float = 0.5
    prior: tuple[float, ...] = (0.3, 0.1, 0.6)


class Baseline(nn.Module):
    """What all share: pooling, and cross-entropy with label smoothing as the loss."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__()
        self.config = config
        self.dropout = nn.Dropout(config.dropout)
        self.image_norm = nn.LayerNorm(config.channels)
        self.text_norm = nn.LayerNorm(config.text_dim)

    def image(self, features: Tensor, has_image: Tensor) -> Tensor:
        """Mean over the regions (B, C); 0 without a picture."""
        return self.dropout(self.image_norm(features.mean(1))) * has_image

    def text(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Mean over the tokens (B, D); 0 without words."""
        mask = (tokens != PAD_ID).unsqueeze(-1).float()  # (B, T, 1)
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        return self.dropout(self.text_norm(mean)) * mask.amax(1)

    def sides(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        features, has_image, states, tokens = inputs
        return self.image(features, has_image), self.text(states, tokens)

    def loss(self, inputs: tuple[Tensor, ...], labels: Tensor) -> Tensor:
        return cross_entropy(self(*inputs), labels)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """With a little smoothing: the labels are the opinion of one annotator."""
    return F.cross_entropy(logits, labels, label_smoothing=0.05)


class Majority(Baseline):
    """The class shares of the training part, whatever the input."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        self.logits = nn.Parameter(torch.tensor(config.prior).log())

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.logits.expand(len(inputs[0]), -1)


class PictureOnly(Baseline):
    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        self.head = nn.Linear(config.channels, config.classes)

    def forward(self, *inputs: Tensor) -> Tensor:
        out: Tensor = self.head(self.image(inputs[0], inputs[1]))
        return out


class TextOnly(Baseline):
    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        self.head = nn.Linear(config.text_dim, config.classes)

    def forward(self, *inputs: Tensor) -> Tensor:
        out: Tensor = self.head(self.text(inputs[2], inputs[3]))
        return out


class EarlyFusion(Baseline):
    """One linear classifier on the concatenated features of both sides."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        self.head = nn.Linear(config.channels + config.text_dim, config.classes)

    def forward(self, *inputs: Tensor) -> Tensor:
        out: Tensor = self.head(torch.cat(self.sides(inputs), -1))
        return out


class DeepFusion(Baseline):
    """Each side through a layer of its own, then two layers on both."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        self.of_image = nn.Linear(config.channels, config.hidden)
        self.of_text = nn.Linear(config.text_dim, config.hidden)
        self.joint = nn.Linear(2 * config.hidden, config.hidden)
        self.head = nn.Linear(config.hidden, config.classes)

    def forward(self, *inputs: Tensor) -> Tensor:
        image, text = self.sides(inputs)
        both = torch.cat([self.of_image(image).relu(), self.of_text(text).relu()], -1)
        out: Tensor = self.head(self.dropout(self.joint(self.dropout(both)).relu()))
        return out


class LaterFusion(Baseline):
    """Two classifiers that never meet; their answers are pooled. The bar to clear.

    Both get their own cross-entropy, so that neither leans on the other. The
    pool (a weight for each side's log-probabilities and one offset for each
    class) is fitted on their answers as they are; over folds it is half a point
    better than the mean of the probabilities. A side that is missing is left out.
    """

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        self.of_image = nn.Linear(config.channels, config.classes)
        self.of_text = nn.Linear(config.text_dim, config.classes)
        self.weights = nn.Parameter(torch.full((2,), 0.7))
        self.offset = nn.Parameter(torch.zeros(config.classes))

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.pooled(*self.both(inputs), inputs)

    def both(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        image, text = self.sides(inputs)
        return self.of_image(image), self.of_text(text)

    def pooled(self, image: Tensor, text: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
        has_image, has_text = inputs[1], (inputs[3] != PAD_ID).any(1, keepdim=True).float()
        seen = self.weights[0] * has_image * image.log_softmax(-1)
        return seen + self.weights[1] * has_text * text.log_softmax(-1) + self.offset

    def loss(self, inputs: tuple[Tensor, ...], labels: Tensor) -> Tensor:
        image, text = self.both(inputs)
        apart = cross_entropy(image, labels) + cross_entropy(text, labels)
        return apart + F.cross_entropy(self.pooled(image.detach(), text.detach(), inputs), labels)


class CCR(Baseline):
    """Cross-modality consistent regression (You et al., WSDM 2016).

    A classifier on each side and one on both; besides each one's cross-entropy,
    the sides are held to agree with the joint one (symmetric KL, weight 0.5).
    """

    def __init__(self, config: BaselineConfig, weight: float = 0.5) -> None:
        super().__init__(config)
        self.weight = weight
        self.of_image = nn.Linear(config.channels, config.classes)
        self.of_text = nn.Linear(config.text_dim, config.classes)
        self.of_both = nn.Linear(config.channels + config.text_dim, config.classes)

    def forward(self, *inputs: Tensor) -> Tensor:
        out: Tensor = self.of_both(torch.cat(self.sides(inputs), -1))
        return out

    def loss(self, inputs: tuple[Tensor, ...], labels: Tensor) -> Tensor:
        image, text = self.sides(inputs)
        joint = self.of_both(torch.cat([image, text], -1))
        apart = [self.of_image(image), self.of_text(text)]
        fit = sum((cross_entropy(side, labels) for side in apart), cross_entropy(joint, labels))
        agree = sum((_symmetric_kl(side, joint) for side in apart), torch.zeros(()))
        return fit / 3 + self.weight * agree / 2


def _symmetric_kl(a: Tensor, b: Tensor) -> Tensor:
    log_a, log_b = a.log_softmax(-1), b.log_softmax(-1)
    return ((log_a.exp() - log_b.exp()) * (log_a - log_b)).sum(-1).mean()


class LSTMEmbedding(Baseline):
    """T-LSTM Embedding (You et al., MM 2016), with a chain where the paper has a tree.

    No parser of tweets is at hand, so the LSTM reads the words in their order.
    Each word looks at the regions (attention), the last joint state decides, and
    a ranking loss brings picture and words of a pair closer than those of others.
    """

    def __init__(self, config: BaselineConfig, weight: float = 0.2, margin: float = 0.2) -> None:
        super().__init__(config)
        self.weight, self.margin = weight, margin
        self.regions = nn.Linear(config.channels, config.hidden)
        self.words = nn.Linear(config.text_dim, config.hidden)
        self.lstm = nn.LSTM(2 * config.hidden, config.hidden, batch_first=True)
        self.head = nn.Linear(2 * config.hidden, config.classes)

    def forward(self, *inputs: Tensor) -> Tensor:
        out: Tensor = self.head(self.dropout(torch.cat(self.embedded(inputs), -1)))
        return out

    def embedded(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """(picture (B, H), words (B, H))."""
        features, has_image, states, tokens = inputs
        regions = self.regions(self.dropout(self.image_norm(features))) * has_image[:, None]
        words = self.words(self.dropout(self.text_norm(states)))  # (B, T, H)
        look = (words @ regions.transpose(1, 2) / words.shape[-1] ** 0.5).softmax(-1)
        read, _ = self.lstm(torch.cat([words, look @ regions], -1))
        mask = (tokens != PAD_ID).unsqueeze(-1).float()
        return regions.mean(1), (read * mask).sum(1) / mask.sum(1).clamp(min=1)

    def loss(self, inputs: tuple[Tensor, ...], labels: Tensor) -> Tensor:
        picture, words = self.embedded(inputs)
        logits = self.head(self.dropout(torch.cat([picture, words], -1)))
        likeness = F.normalize(picture, dim=-1) @ F.normalize(words, dim=-1).T
        own = likeness.diagonal()
        wrong = (self.margin + likeness - own[:, None]).relu()
        wrong = wrong + (self.margin + likeness - own[None]).relu()
        apart = 1 - torch.eye(len(own), device=own.device)
        ranking = (wrong * apart).sum() / apart.sum().clamp(min=1)
        return cross_entropy(logits, labels) + self.weight * ranking


BASELINES: dict[str, type[Baseline]] = {
    "majority": Majority,
    "picture_only": PictureOnly,
    "text_only": TextOnly,
    "early_fusion": EarlyFusion,
    "later_fusion": LaterFusion,
    "deep_fusion": DeepFusion,
    "ccr": CCR,
    "lstm_embedding": LSTMEmbedding,
}


def build(config: BaselineConfig) -> Baseline:
    """The baseline of this name."""
    if config.name not in BASELINES:
        raise ValueError(f"unknown baseline {config.name!r}: one of {', '.join(BASELINES)}")
    return BASELINES[config.name](config)
