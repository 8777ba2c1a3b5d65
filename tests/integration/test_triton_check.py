"""Before the first post: is Triton there, ready, and are its networks those of this version?"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from services.errors import Unavailable, UsageError
from services.inference.triton import TritonClassifier
from tests.integration.triton_client import batch, made, works
from tests.servers import onnx_files
from tests.servers.local import free_ports

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return onnx_files.write(tmp_path_factory.mktemp("onnx"))


def test_a_server_that_is_not_there_is_unavailable() -> None:
    classifier = TritonClassifier(f"127.0.0.1:{free_ports(1)[0]}", deadline_s=5)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
        classifier.check()
    with pytest.raises(Unavailable):
        classifier.submit(batch()).result(10)
    classifier.close()


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        ('name: "HAS_IMAGE" data_type: TYPE_FP32', 'name: "HAS_IMAGE" data_type: TYPE_INT32',
         r"INT32 \[-1, 1\] as HAS_IMAGE, not FP32 \[-1, 1\]"),
        ("dims: [ 48 ]", "dims: [ 64 ]", r"INT32 \[-1, 64\] as TOKENS, not INT32 \[-1, 48\]"),
        ("negative,neutral,positive", "positive,neutral,negative",
         "its labels are positive,neutral,negative, not negative,neutral,positive"),
    ],
)  # fmt: skip
def test_a_server_with_other_networks_is_refused_and_says_what_differs(
    artifacts: Path, pattern: str, replacement: str, message: str
) -> None:
    server = made(artifacts)
    for config in server.repository.glob("*/config.pbtxt"):
        text, _, _ = config.read_text().partition("model_warmup")  # it would fail, as it should
        config.write_text(text.replace(pattern, replacement))
    with server:
        classifier = TritonClassifier(server.url)
        with pytest.raises(UsageError, match=message):
            classifier.check()
        classifier.close()


def test_a_server_without_one_of_the_models_is_refused(artifacts: Path) -> None:
    server = made(artifacts)
    shutil.rmtree(server.repository / "sentiment")
    with server:
        classifier = TritonClassifier(server.url)
        with pytest.raises(UsageError, match="there is no model sentiment"):
            classifier.check()
        with pytest.raises(Unavailable):
            classifier.submit(batch()).result(10)
        classifier.close()


def test_models_of_others_that_do_not_load_are_no_concern_of_ours(artifacts: Path) -> None:
    """Triton calls itself not ready while any of its models is not."""
    with made(artifacts, model_control_mode="poll", repository_poll_secs="1") as server:
        classifier = TritonClassifier(server.url)
        broken = server.repository / "theirs"
        (broken / "1").mkdir(parents=True)
        (broken / "config.pbtxt").write_text('name: "theirs" backend: "nobody"')
        deadline = time.monotonic() + 20
        while classifier._ask(lambda client, t: client.is_server_ready(client_timeout=t)):
            assert time.monotonic() < deadline, "Triton takes no notice"
            time.sleep(0.1)
        classifier.check()
        works(classifier)
        classifier.close()
