"""What others report, quoted beside our figures; never a target that we tune to.

Accuracy and weighted F1 in percent. Splits and filters differ (and some are not
published), so that a difference of a few points between rows says little.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """One reported figure; `remark` says what makes it hard to compare."""

    model: str
    data: str
    accuracy: float | None
    f1: float | None
    source: str
    remark: str = ""


DMLANET = "Yadav & Vishwakarma, DMLANet"
RNNCA = "Zhu, Cao et al., MMM 2019, RNN-CA"

CLAIMS = (
    Claim("DMLANet", "MVSA-Single", 79.47, 79.59, DMLANET, "split not published"),
    Claim("DMLANet", "MVSA-Multiple", 77.89, 75.26, DMLANET, "split not published"),
    Claim("DMLANet", "Flickr", 89.30, 89.19, DMLANET, "two classes"),
    Claim("DMLANet", "Getty", 92.65, 92.60, DMLANET, "two classes, 453,289 pairs"),
    Claim("RNN Embedding", "Getty", 88.8, 89.1, RNNCA, "two classes, 369,036 pairs"),
    Claim("RNN-CA", "Getty", 88.4, 88.6, RNNCA, "two classes, 369,036 pairs"),
    Claim("RNN-CA Embedding", "Getty", 91.3, 91.6, RNNCA, "two classes, 369,036 pairs"),
    Claim("RNN Embedding", "VSO", 82.7, 82.2, RNNCA, "two classes"),
    Claim("RNN-CA", "VSO", 81.5, 81.4, RNNCA, "two classes"),
    Claim("RNN-CA Embedding", "VSO", 85.1, 84.7, RNNCA, "two classes"),
    Claim("MultiSentiNet", "MVSA-Single", 69.8, None, "published figure", "own split"),
    Claim("CoMN", "MVSA-Single", 70.5, None, "published figure", "own split"),
    Claim("MGNNS", "MVSA-Single", 73.8, None, "published figure", "own split"),
    Claim("FENet", "MVSA-Single", 74.2, None, "published figure", "own split"),
    Claim("CLMLF", "MVSA-Single", 75.3, None, "published figure", "large pre-trained encoders"),
    Claim("MDSE", "MVSA-Single", 76.2, None, "published figure", "large pre-trained encoders"),
)

OPPOSITE = (
    Claim("RNN-CA Embedding", "Getty, opposite", 91.1, None, RNNCA, "by RNTN and CaffeNet"),
    Claim("RNN-CA Embedding", "VSO, opposite", 84.9, None, RNNCA, "by RNTN and CaffeNet"),
)

ABLATIONS = {
    # accuracy on MVSA-Multiple, Flickr; the full network has 77.89 and 89.30
    "without channel and spatial attention": (70.85, 85.77),
    "without semantic attention": (70.00, 81.90),
    "without self-attention": (73.54, 87.98),
}
"""DMLANet's own ablations, in percent."""
