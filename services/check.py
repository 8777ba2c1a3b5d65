"""`undertone check`: is everything there that the settings name, and is it right?

Each probe answers with findings, and a finding that is wrong says what to do.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from services import pipeline
from services.errors import Unavailable, UsageError
from services.settings import Settings
from services.store.store import Store
from services.topics import load_topics

OLDEST_REDIS: Final = (7, 2)
"""The first with WAITAOF, which positions rely on."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `fix` says what to do where it is not `ok`."""

    about: str
    ok: bool
    found: str
    fix: str = ""


def check_command(settings: Settings, console: Console, *, as_json: bool = False) -> int:
    """Print what was found. The exit status: 0, or 1 where anything is wrong."""
    findings = []
    for finding in check(settings):
        findings.append(finding)
        if not as_json:
            _print(finding, console)
    wrong = sum(not finding.ok for finding in findings)
    if as_json:
        console.print_json(json.dumps([asdict(finding) for finding in findings]))
    else:
        console.print("Everything is in place." if not wrong else f"{wrong} to mend.")
    return 1 if wrong else 0


def check(settings: Settings) -> Iterator[Finding]:
    """Findings as they come; a server that doesn't answer costs seconds."""
    yield from _guarded("data folder", _data_folder, settings, _DATA_FIX)
    yield from _guarded(
        "topics", _topics, settings, "mend it, or name another with UNDERTONE_TOPICS_FILE"
    )
    yield from _guarded("streams", _streams, settings, _STREAMS_FIX)
    yield from _guarded("networks", _networks, settings, _networks_fix(settings))
    yield from _guarded("store", _store, settings, _STORE_FIX)
    if settings.grafana_url:
        yield from _guarded("Grafana", _grafana, settings, _GRAFANA_FIX)


_DATA_FIX: Final = "name a folder that you may write to: UNDERTONE_DATA_DIR"
_STREAMS_FIX: Final = "start Kafka (make stack), or mend UNDERTONE_STREAMS_URL and kafka_* settings"
_STORE_FIX: Final = "start Valkey (make stack), or mend UNDERTONE_STORE_URL and store_* settings"

_GRAFANA_FIX: Final = "mend UNDERTONE_GRAFANA_URL or grafana_token_file, or what it says is missing"


def _networks_fix(settings: Settings) -> str:
    if settings.classifier_url.startswith("local:"):
        return "install Undertone anew: models/artifacts is not what belongs to this version"
    return (
        "start Triton on the model repository that deploy/triton makes of models/artifacts "
        "(make stack), or mend UNDERTONE_CLASSIFIER_URL and triton_* settings"
    )


def _guarded(
    about: str,
    probe: Callable[[Settings], Iterator[Finding]],
    settings: Settings,
    fix: str,
) -> Iterator[Finding]:
    """The probe's findings; where it can't go on, why."""
    try:
        yield from probe(settings)
    except (UsageError, Unavailable, OSError) as error:
        yield Finding(about, False, str(error).removeprefix(f"{about}: "), fix)


def _data_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\0")
        file.flush()
    yield Finding("data folder", True, f"{folder} can be written to")


def _topics(settings: Settings) -> Iterator[Finding]:
    topics = load_topics(settings.topics_file)
    yield Finding("topics", True, f"{settings.topics_file}: {len(topics)}, all valid")


def _grafana(settings: Settings) -> Iterator[Finding]:
    from services.grafana import Grafana
    from services.grafana.provision import check_server

    token = settings.grafana_token.get_secret_value() if settings.grafana_token else ""
    server = Grafana(settings.grafana_url or "", token, ca_file=settings.grafana_ca_file)
    with closing(server):
        yield Finding("Grafana", True, f"{check_server(server)} at {server.url}, with the plugin")


def _streams(settings: Settings) -> Iterator[Finding]:
    if pipeline.is_embedded(settings):
        yield Finding("streams", True, "in this process")
        return
    from services.stream.kafka import KafkaStreams

    with closing(pipeline.make_streams(settings)) as streams:
        assert isinstance(streams, KafkaStreams)
        there = streams.streams(settings.streams_prefix)
    yield Finding("streams", True, f"{settings.streams_url} answers")
    names = pipeline.Names.of(settings)
    for name in (names.posts, names.scores, names.dead_letters, names.alerts):
        yield _stream(name, there)


def _stream(name: str, there: Mapping[str, int]) -> Finding:
    if name not in there:
        return Finding(name, False, "there is no such stream", "undertone streams create")
    return Finding(name, True, _count(there[name], "partition"))


def _networks(settings: Settings) -> Iterator[Finding]:
    with closing(pipeline.make_classifier(settings)) as classifier:
        classifier.check()
    yield Finding(
        "networks", True, f"{settings.classifier_url}: loaded, with this version's tensors"
    )


def _store(settings: Settings) -> Iterator[Finding]:
    with closing(pipeline.make_store(settings)) as store:
        servers = [_info(store, index) for index in range(len(store.client.info("server")))]
    for info in servers:
        yield _version(info)
        yield _persistence(info)
        yield _eviction(info)
        yield _writing(info)


def _info(store: Store, index: int) -> dict[str, Any]:
    """What one primary says of itself."""
    sections = ("server", "persistence", "memory", "replication")
    return {
        name: value
        for section in sections
        for name, value in store.client.info(section)[index].items()
    }


def _version(info: Mapping[str, Any]) -> Finding:
    server = "Valkey" if "valkey_version" in info else "Redis"
    text = str(info.get("valkey_version") or info["redis_version"])
    ok = tuple(int(piece) for piece in text.split(".")[:2]) >= OLDEST_REDIS
    oldest = ".".join(map(str, OLDEST_REDIS))
    fix = f"run Redis {oldest} or newer, or any Valkey"
    return Finding("store", ok, f"{server} {text}", "" if ok else fix)


def _persistence(info: Mapping[str, Any]) -> Finding:
    if not info["aof_enabled"]:
        fix = "set appendonly yes in its configuration: without it a restart loses counts"
        return Finding("store's persistence", False, "the append-only file is off", fix)
    if info.get("aof_last_write_status", "ok") != "ok":
        fix = "see its log and the room on its disk"
        return Finding("store's persistence", False, "the last write to its file failed", fix)
    return Finding("store's persistence", True, "append-only file")


def _eviction(info: Mapping[str, Any]) -> Finding:
    policy = str(info["maxmemory_policy"])
    ok = policy == "noeviction"
    fix = "set maxmemory-policy noeviction: evicted keys are lost counts"
    return Finding("store's eviction", ok, policy, "" if ok else fix)


def _writing(info: Mapping[str, Any]) -> Finding:
    role = str(info["role"])
    ok = role == "master"
    fix = "name the primary in UNDERTONE_STORE_URL: a replica takes no writes"
    return Finding("store's role", ok, "primary" if ok else "replica", "" if ok else fix)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _print(finding: Finding, console: Console) -> None:
    mark, style = ("ok   ", "green") if finding.ok else ("WRONG", "bold red")
    console.print(
        Text.assemble((mark, style), f"  {finding.about}: {finding.found}"), soft_wrap=True
    )
    if finding.fix:
        console.print(Text(f"       to mend it: {finding.fix}"), soft_wrap=True)
