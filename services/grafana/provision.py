"""What should be in Grafana, compared with what is, and put right.

A second run finds nothing to do. Grafana may keep a dashboard in another form than it was given,
so whether somebody has edited one of ours by hand is seen in its history: each version that we
save carries a message with the digest of what we saved, so a newest version without one is
somebody's work. That is told, and overwritten only by force.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from services.errors import UsageError
from services.grafana.client import Changed, Grafana
from services.grafana.dashboards import dashboards, digest
from services.grafana.queries import INFINITY
from services.grafana.sources import differences

Json = dict[str, Any]
FOLDER_UID: Final = "undertone"
OLDEST: Final = (11, 6)
"""What the Infinity plugin needs, and the oldest Grafana that this is written for."""
_OURS: Final = re.compile(r"^undertone (?P<digest>[0-9a-f]{16})$")


class State(StrEnum):
    """How one thing in Grafana stands."""

    SAME = "as it should be"
    MISSING = "missing"
    OUTDATED = "outdated"
    EDITED = "edited by hand"
    BY_FILE = "provisioned by file"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing, how it stands, and how to put it right (None: nothing to do, or not ours to)."""

    what: str
    state: State
    detail: str = ""
    mend: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What should be there."""

    folder: str
    sources: Sequence[Json]


def check_server(grafana: Grafana) -> str:
    """Its version. `UsageError` where it is too old, or lacks the plugin."""
    version = grafana.version()
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    if len(numbers) == 2 and numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise UsageError(f"{grafana.url} is Grafana {version}; {oldest} or newer is needed")
    if not grafana.has_plugin(INFINITY):
        raise UsageError(
            f"{grafana.url} lacks the plugin {INFINITY}, through which it reads Undertone: "
            f"install it there (grafana cli plugins install {INFINITY}, or the variable "
            f"GF_PLUGINS_PREINSTALL_SYNC={INFINITY}) and restart Grafana"
        )
    return version


def survey(grafana: Grafana, wanted: Wanted) -> list[Finding]:
    """How everything stands, in the order in which it has to be put right. Writes nothing."""
    found = [_folder(grafana, wanted.folder)]
    found += [_source(grafana, source) for source in wanted.sources]
    found += [_dashboard(grafana, one) for one in dashboards()]
    return found


def mend(findings: Sequence[Finding], *, force: bool = False) -> list[Finding]:
    """Put right what is not; what was edited by hand only by force. Returns what was changed.

    `UsageError` where something was changed by others meanwhile: nothing of theirs is lost.
    """
    changed = []
    for finding in findings:
        if finding.mend is None or (finding.state is State.EDITED and not force):
            continue
        try:
            finding.mend()
        except Changed as error:
            raise UsageError(f"{error}: run it again, or look who else provisions it") from error
        changed.append(finding)
    return changed


def _folder(grafana: Grafana, title: str) -> Finding:
    what = f"folder {title}"
    held = grafana.folder(FOLDER_UID)
    if held is None:
        return Finding(what, State.MISSING, mend=lambda: grafana.create_folder(FOLDER_UID, title))
    if held["title"] == title:
        return Finding(what, State.SAME)
    version = int(held.get("version", 0))
    return Finding(
        what,
        State.OUTDATED,
        f"its title is {held['title']}",
        lambda: grafana.rename_folder(FOLDER_UID, title, version),
    )


def _source(grafana: Grafana, source: Json) -> Finding:
    what = f"data source {source['name']}"
    held = grafana.data_source(source["uid"])
    if held is None:
        return Finding(what, State.MISSING, mend=lambda: grafana.create_data_source(source))
    wrong = differences(source, held)
    if not wrong:
        return Finding(what, State.SAME)
    if held.get("readOnly"):
        return Finding(what, State.BY_FILE, f"differs in {', '.join(wrong)}: change it there")
    return Finding(
        what,
        State.OUTDATED,
        f"differs in {', '.join(wrong)}",
        lambda: grafana.update_data_source(source),
    )


def _dashboard(grafana: Grafana, model: Json) -> Finding:
    what = f"dashboard {model['title']}"
    message = f"undertone {digest(model)}"
    held = grafana.dashboard(model["uid"])
    if held is None:
        fresh = {**model, "id": None, "version": 0}
        return Finding(
            what, State.MISSING, mend=lambda: grafana.save_dashboard(fresh, FOLDER_UID, message)
        )
    meta = held["meta"]
    if meta.get("provisioned"):
        return Finding(what, State.BY_FILE)
    if all(held["dashboard"].get(name) == value for name, value in model.items()):
        return Finding(what, State.SAME)
    newest = grafana.newest_version(model["uid"])
    ours = _OURS.match(newest.get("message") or "")
    if ours and ours["digest"] == digest(model):
        return Finding(what, State.SAME)
    # The version that was read is named, so that an edit made meanwhile is refused, not lost;
    # and it stays in the folder that somebody has moved it to.
    version = int(held["dashboard"]["version"])
    update = {**model, "id": held["dashboard"].get("id"), "version": version}
    folder = str(meta.get("folderUid") or "")
    state, detail = (State.OUTDATED, "") if ours else (State.EDITED, _by_whom(newest))
    return Finding(what, state, detail, lambda: grafana.save_dashboard(update, folder, message))


def _by_whom(version: Json) -> str:
    said = f", saying {version['message']!r}" if version.get("message") else ""
    return f"by {version.get('createdBy') or 'somebody'} at {version.get('created', '?')}{said}"
