"""One process's vitals, from its hops' health and its metrics."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from services.store.vitals import Hop, Lag, Latency, Model, Process, Refusals
from services.vitals.figures import Figures, quantile

SCORED = "undertone_scored_seconds"
SHOWN_VERSIONS = ("undertone", "kafka-python", "redis", "onnxruntime", "tritonclient")


def describe(
    who: Mapping[str, Any], health: Mapping[str, Any], figures: Figures, at_ms: int
) -> Process:
    """`who` is what never changes: id, command, host, pid, versions, started_ms.

    `health` is what `/healthz` answers: of one worker, or of several as `hops`.
    """
    stages = health.get("hops") or ([health] if health.get("stage") else [])
    hops = [_hop(stage, figures, at_ms) for stage in stages]
    who = {**who, "command": who["command"] or "+".join(dict.fromkeys(hop.stage for hop in hops))}
    return Process(
        **who,
        at_ms=at_ms,
        healthy=bool(health["healthy"]),
        reason=next((h.reason for h in hops if not h.healthy), str(health.get("reason") or "")),
        memory_bytes=_whole(figures.value("process_resident_memory_bytes")),
        hops=hops,
        lag=_lag(figures),
        latency=_latency(figures),
        pairs_per_request=figures.mean("undertone_inference_pairs"),
        dead_letters=[
            Refusals(stage, reason, int(count))
            for (stage, reason), count in sorted(
                figures.all("undertone_dead_letters_total").items()
            )
        ],
        retries={
            neighbour: int(count)
            for (neighbour,), count in figures.all("undertone_retries_total").items()
        },
        models=[*_local_models(figures), *_triton_models(figures)],
    )


def versions(networks: Path) -> dict[str, str]:
    """Of what decides how the process behaves; `networks` is the folder of those that ship."""
    found = {"python": platform.python_version()}
    for name in SHOWN_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a part that this installation does without
            continue
    manifest = networks / "manifest.json"
    if manifest.is_file():
        found["networks"] = blake2b(manifest.read_bytes(), digest_size=6).hexdigest()
    return found


def _hop(health: Mapping[str, Any], figures: Figures, at_ms: int) -> Hop:
    stage = str(health.get("stage", ""))
    turned = figures.value("undertone_loop_timestamp_seconds", stage)
    return Hop(
        stage=stage,
        healthy=bool(health["healthy"]),
        reason=str(health.get("reason") or ""),
        since_s=health.get("since_s"),
        source=str(health.get("source", "")),
        partitions=list(health.get("partitions", ())),
        in_flight=int(health.get("in_flight", 0)),
        turned_s=None if turned is None else max(0.0, round(at_ms / 1000 - turned, 3)),
        read=int(figures.value("undertone_records_read_total", stage) or 0),
        written=int(figures.value("undertone_records_written_total", stage) or 0),
        read_per_s=figures.rate("undertone_records_read_total", stage),
        written_per_s=figures.rate("undertone_records_written_total", stage),
    )


def _lag(figures: Figures) -> list[Lag]:
    held = figures.all("undertone_consumer_lag_records")
    found = [Lag(stream, group, int(number), int(n)) for (stream, group, number), n in held.items()]
    return sorted(found, key=lambda lag: (lag.stream, lag.group, lag.partition))


def _latency(figures: Figures) -> Latency | None:
    buckets = figures.buckets(SCORED)
    half, most = quantile(0.5, buckets), quantile(0.99, buckets)
    if half is None or most is None:
        return None
    return Latency(half, most, int(buckets[-1][1]))


def _local_models(figures: Figures) -> list[Model]:
    models = []
    for (name,) in figures.all("undertone_model_seconds_count"):
        runs = int(figures.change("undertone_model_seconds_count", name))
        mean = figures.mean("undertone_model_seconds", name)
        models.append(Model(name=name, where="local", runs=runs, compute_ms=_ms(mean)))
    return models


def _triton_models(figures: Figures) -> list[Model]:
    names = {model for model, _ in figures.all("undertone_triton_requests")}
    return [_triton_model(name, figures) for name in sorted(names)]


def _triton_model(name: str, figures: Figures) -> Model:
    """Triton's phases are summed over requests; a run answers several of them."""
    count = {
        what: figures.change("undertone_triton_requests", name, what)
        for what in ("pairs", "runs", "requests", "failed")
    }
    spent = {
        phase: figures.change("undertone_triton_seconds", name, phase)
        for phase in ("queue", "compute_input", "compute_infer", "compute_output")
    }
    requests = count["requests"]
    compute = sum(spent.values()) - spent["queue"]
    return Model(
        name=name,
        where="triton",
        runs=int(count["runs"]),
        pairs=int(count["pairs"]),
        batch=count["pairs"] / count["runs"] if count["runs"] else None,
        queue_ms=_ms(spent["queue"] / requests) if requests else None,
        compute_ms=_ms(compute / requests) if requests else None,
        failed=int(count["failed"]),
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
