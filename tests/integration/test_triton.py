"""The client against a real Triton: what goes wrong on the way, TLS, statistics.

The networks are small random ones; faults on the way come from a proxy before the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from prometheus_client import REGISTRY

from services.errors import Unavailable
from services.inference import statistics
from services.inference.classifier import MAX_PAIRS, BadBatch
from services.inference.triton import Tls, TritonClassifier
from tests.integration.triton_client import batch, made, works
from tests.servers import onnx_files
from tests.servers.proxy import Proxy
from tests.servers.triton import Triton

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return onnx_files.write(tmp_path_factory.mktemp("onnx"))


@pytest.fixture(scope="module")
def server(artifacts: Path) -> Iterator[Triton]:
    with made(artifacts) as started, started.supervised():
        yield started


@pytest.fixture
def proxy(server: Triton) -> Iterator[Proxy]:
    between = Proxy(server.url)
    yield between
    between.close()


def test_a_request_too_large_is_a_bad_batch(server: Triton) -> None:
    classifier = TritonClassifier(server.url)
    with pytest.raises(BadBatch, match="INVALID_ARGUMENT"):
        classifier.submit(batch(MAX_PAIRS + 1)).result(30)
    classifier.close()


def test_many_requests_wait_in_triton_without_harm(artifacts: Path) -> None:
    """A Triton whose ensemble meets a full queue dies or hangs, so no queue may ever be full."""
    server = made(artifacts)
    for config in server.repository.glob("*/config.pbtxt"):
        text = config.read_text()
        config.write_text(re.sub(r"(max_queue_delay_microseconds): \d+", r"\1: 2000000", text))
    with server:
        classifier = TritonClassifier(server.url)
        futures = [classifier.submit(batch(1)) for _ in range(MAX_PAIRS - 1)]
        for future in futures:
            assert len(future.result(30).outputs["RNNCA_PROBS"]) == 1
        classifier.close()


@pytest.mark.parametrize(
    ("fault", "error"), [("nan", BadBatch), ("shapes", (BadBatch, Unavailable))]
)
def test_answers_that_are_none_never_become_verdicts(
    tmp_path: Path, fault: str, error: type[Exception]
) -> None:
    with made(onnx_files.write(tmp_path, fault=fault)) as server:
        classifier = TritonClassifier(server.url)
        with pytest.raises(error):
            classifier.submit(batch()).result(30)
        classifier.close()


def test_a_killed_server_ends_every_request_in_flight_and_is_found_again(artifacts: Path) -> None:
    with made(artifacts) as server:
        classifier = TritonClassifier(server.url, deadline_s=20)
        works(classifier)
        futures = [classifier.submit(batch(64)) for _ in range(6)]
        server.kill()
        for future in futures:
            try:
                future.result(10)
            except Unavailable:
                pass
        with pytest.raises(Unavailable):
            classifier.submit(batch()).result(10)
        server.start()
        works(classifier)
        classifier.check()
        classifier.close()


def test_a_slow_server_runs_into_the_deadline_and_is_used_again(proxy: Proxy) -> None:
    classifier = TritonClassifier(proxy.url, deadline_s=1)
    works(classifier)
    proxy.delay_s = 10
    with pytest.raises(Unavailable, match="no answer within 1 s"):
        classifier.submit(batch()).result(8)
    proxy.delay_s = 0
    works(classifier)
    classifier.close()


def test_a_frozen_way_hangs_nothing(proxy: Proxy) -> None:
    classifier = TritonClassifier(proxy.url, deadline_s=1)
    works(classifier)
    proxy.frozen = True
    futures = [classifier.submit(batch()) for _ in range(3)]
    for future in futures:
        with pytest.raises(Unavailable):
            future.result(5)
    proxy.frozen = False
    works(classifier)
    classifier.close()


def test_what_was_given_up_is_let_go_in_the_end(proxy: Proxy) -> None:
    """A request carries its pictures; behind a server that hangs they must not pile up."""
    classifier = TritonClassifier(proxy.url, deadline_s=0.5)
    works(classifier)
    proxy.frozen = True
    with pytest.raises(Unavailable):
        classifier.submit(batch()).result(5)
    assert classifier._calls.drain(10) == []
    classifier.close()


def test_a_cut_connection_is_made_anew(proxy: Proxy) -> None:
    classifier = TritonClassifier(proxy.url, deadline_s=5)
    works(classifier)
    proxy.cut()
    works(classifier)
    classifier.close()


def test_a_refusing_server_is_unavailable_at_once_and_found_when_it_is_back(proxy: Proxy) -> None:
    classifier = TritonClassifier(proxy.url, deadline_s=5)
    works(classifier)
    with proxy.refusing():
        for _ in range(20):
            with pytest.raises(Unavailable):
                classifier.submit(batch()).result(10)
    works(classifier)
    classifier.close()


def test_requests_in_flight_are_waited_for_when_it_closes(proxy: Proxy) -> None:
    classifier = TritonClassifier(proxy.url, deadline_s=20)
    works(classifier)
    answered = classifier.submit(batch())
    classifier.close()
    assert len(answered.result(0).outputs["RNNCA_PROBS"]) == 2


def test_requests_that_never_end_do_not_keep_it_from_closing(proxy: Proxy) -> None:
    classifier = TritonClassifier(proxy.url, deadline_s=2)
    works(classifier)
    proxy.frozen = True
    future = classifier.submit(batch())
    classifier.close()
    with pytest.raises(Unavailable):
        future.result(5)


def test_tls_both_ways(artifacts: Path, tmp_path: Path) -> None:
    ca, stranger = trustme.CA(), trustme.CA()
    server_cert, client_cert = ca.issue_cert("127.0.0.1"), ca.issue_cert("worker@example.org")
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "stranger", "crt", "key", "ours")}
    ca.cert_pem.write_to_path(files["ca"])
    stranger.cert_pem.write_to_path(files["stranger"])
    server_cert.cert_chain_pems[0].write_to_path(files["crt"])
    server_cert.private_key_pem.write_to_path(files["key"])
    client_cert.private_key_and_cert_chain_pem.write_to_path(files["ours"])
    options = {
        "grpc_use_ssl_mutual": "true",
        "grpc_server_cert": str(files["crt"]),
        "grpc_server_key": str(files["key"]),
        "grpc_root_cert": str(files["ca"]),
    }
    with made(artifacts, **options) as server:
        trusted = TritonClassifier(
            server.url, tls=Tls(files["ca"], key=files["ours"], certificate=files["ours"])
        )
        trusted.check()
        works(trusted)
        trusted.close()
        for tls in (Tls(files["stranger"], files["ours"], files["ours"]), Tls(files["ca"]), None):
            refused = TritonClassifier(server.url, tls=tls, deadline_s=2)
            with pytest.raises(Unavailable):
                refused.check()
            refused.close()


def test_tritons_statistics_become_metrics(server: Triton, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "EVERY_S", 0.0)
    asked = REGISTRY.get_sample_value("undertone_networks_seconds_count") or 0
    classifier = TritonClassifier(server.url)
    works(classifier)
    works(classifier)
    classifier.close()
    assert (REGISTRY.get_sample_value("undertone_networks_seconds_count") or 0) >= asked + 2
    spent = {"model": "backbone", "phase": "compute_infer"}
    assert (REGISTRY.get_sample_value("undertone_triton_seconds", spent) or 0) > 0
    runs = {"model": "dmlanet", "what": "runs"}
    assert (REGISTRY.get_sample_value("undertone_triton_requests", runs) or 0) >= 1
