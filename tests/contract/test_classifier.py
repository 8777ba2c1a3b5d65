"""One suite on both classifiers: in this process, and on a real Triton."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from models.signature import IMAGE_SIZE, MAX_TOKENS, MODELS, NETWORKS, PAD_ID, SENTIMENT
from services.inference.classifier import MAX_PAIRS, BadBatch, Batch, Classifier
from services.inference.local import LocalClassifier
from services.inference.triton import TritonClassifier
from tests.conftest import missing
from tests.servers import onnx_files
from tests.servers.local import ServerMissing
from tests.servers.triton import ARTIFACTS, Triton

SHIPPED = all((ARTIFACTS / f"{model.name}.onnx").is_file() for model in MODELS)
AGREE = 1e-3


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ones that ship; small random ones where they have not been exported."""
    return ARTIFACTS if SHIPPED else onnx_files.write(tmp_path_factory.mktemp("onnx"))


@pytest.fixture(scope="module")
def here(networks: Path) -> Iterator[Classifier]:
    classifier = LocalClassifier(networks, threads=2)
    yield classifier
    classifier.close()


@pytest.fixture(scope="module")
def remote(networks: Path) -> Iterator[Classifier]:
    try:
        server = Triton(networks)
    except ServerMissing as error:
        missing(f"no Triton: {error}")
    with server:
        classifier = TritonClassifier(server.url)
        yield classifier
        classifier.close()


@pytest.fixture(params=["here", pytest.param("remote", marks=pytest.mark.integration)])
def classifier(request: pytest.FixtureRequest) -> Classifier:
    return request.getfixturevalue(request.param)


def batch(size: int, seed: int = 0) -> Batch:
    """Pictures of blurred noise and texts of 3 to 30 tokens; every 3rd row lacks a picture,
    every 4th its words."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 256, (size, 14, 14, 3), dtype=np.uint8)
    images = cells.repeat(IMAGE_SIZE // 14, axis=1).repeat(IMAGE_SIZE // 14, axis=2)
    has_image = np.ones((size, 1), np.float32)
    tokens = np.zeros((size, MAX_TOKENS), np.int32)
    for row in range(size):
        length = rng.integers(3, 30)
        tokens[row, :length] = rng.integers(1_000, 20_000, length)
        if row % 3 == 2:
            images[row], has_image[row] = 0, 0
        if row % 4 == 3:
            tokens[row] = PAD_ID
    return Batch(np.ascontiguousarray(images), has_image, tokens)


def outputs(classifier: Classifier, of: Batch) -> dict[str, np.ndarray]:
    return classifier.submit(of).result(120).outputs


def test_it_matches_the_signature(classifier: Classifier) -> None:
    classifier.check()


@pytest.mark.parametrize("size", [1, 7, 32])
def test_every_output_has_its_shape(classifier: Classifier, size: int) -> None:
    answer = outputs(classifier, batch(size))
    assert {name: (array.shape, str(array.dtype)) for name, array in answer.items()} == {
        tensor.name: ((size, *tensor.shape), tensor.dtype) for tensor in SENTIMENT.outputs
    }


@pytest.mark.parametrize("network", [name.upper() for name in NETWORKS])
def test_outputs_mean_what_the_signature_says(classifier: Classifier, network: str) -> None:
    given = batch(12)
    answer = outputs(classifier, given)
    words, has_image = given.tokens != PAD_ID, given.has_image[:, 0] == 1
    assert answer[f"{network}_PROBS"].sum(1) == pytest.approx(1, abs=1e-4)
    assert (answer[f"{network}_PROBS"] >= 0).all()
    attention = answer[f"{network}_WORD_ATTENTION"]
    assert (attention >= 0).all()
    assert (attention[~words] == 0).all()
    assert attention.sum(1) == pytest.approx(words.any(1).astype(float), abs=1e-4)
    regions = answer[f"{network}_REGION_ATTENTION"]
    assert (regions >= 0).all()
    assert regions.sum(1) == pytest.approx(has_image.astype(float), abs=1e-4)
    weight = answer[f"{network}_PICTURE_WEIGHT"]
    assert ((weight >= 0) & (weight <= 1)).all()
    assert (weight[~has_image] == 0).all()


def test_a_masked_picture_says_nothing(classifier: Classifier) -> None:
    """Where HAS_IMAGE is 0, no pixel may matter: rows without a picture skip the backbone."""
    given = batch(4)
    given.has_image[:] = 0
    seen = outputs(classifier, given)
    given.images[:] = 0
    blind = outputs(classifier, given)
    for name, array in seen.items():
        assert array == pytest.approx(blind[name], abs=1e-5), name


def test_a_row_does_not_depend_on_its_batch(classifier: Classifier) -> None:
    together = outputs(classifier, batch(12))
    for row in (0, 5, 11):
        alone = outputs(classifier, batch(12)[row : row + 1])
        for name, array in alone.items():
            assert array[0] == pytest.approx(together[name][row], abs=AGREE), name


def test_several_batches_in_flight_get_their_own_answers(classifier: Classifier) -> None:
    given = [batch(size, seed=size) for size in (5, 1, 8, 3, 2, 7)]
    futures = [classifier.submit(one) for one in given]
    for one, future in zip(given, futures, strict=True):
        wanted = outputs(classifier, one)
        for name, array in future.result(120).outputs.items():
            assert array == pytest.approx(wanted[name], abs=AGREE), name


@pytest.mark.slow
def test_the_largest_request(classifier: Classifier) -> None:
    assert len(outputs(classifier, batch(MAX_PAIRS))["DMLANET_PROBS"]) == MAX_PAIRS


@pytest.mark.integration
def test_both_agree(here: Classifier, remote: Classifier) -> None:
    given = batch(32, seed=3)
    ours, theirs = outputs(here, given), outputs(remote, given)
    for name, array in ours.items():
        assert np.abs(array - theirs[name]).max() < AGREE, name


@pytest.mark.parametrize("where", ["here", pytest.param("remote", marks=pytest.mark.integration)])
def test_numbers_that_are_none_are_a_bad_batch(
    where: str, tmp_path: Path, started: Callable[[str, Path], Classifier]
) -> None:
    classifier = started(where, onnx_files.write(tmp_path, fault="poison"))
    given = batch(4)
    given.tokens[given.tokens == onnx_files.POISON] = 1_000
    outputs(classifier, given)
    given.tokens[1, 0] = onnx_files.POISON
    with pytest.raises(BadBatch, match="finite"):
        outputs(classifier, given)


@pytest.fixture
def started() -> Iterator[Callable[[str, Path], Classifier]]:
    """Starts a classifier of its own on the ONNX files given."""
    made: list[Classifier | Triton] = []

    def start(where: str, artifacts: Path) -> Classifier:
        if where == "here":
            made.append(LocalClassifier(artifacts, threads=1))
        else:
            try:
                server = Triton(artifacts)
            except ServerMissing as error:
                missing(f"no Triton: {error}")
            made.append(server.start())
            made.append(TritonClassifier(server.url))
        return made[-1]  # type: ignore[return-value]

    yield start
    for each in reversed(made):
        each.stop() if isinstance(each, Triton) else each.close()
