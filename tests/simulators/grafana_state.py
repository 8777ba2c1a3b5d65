"""What a Grafana holds, and how it changes: versions, conflicts, what is read-only."""

from __future__ import annotations

import re
from typing import Any

Json = dict[str, Any]


class Refused(Exception):
    """Answered with this status and message."""

    def __init__(self, code: int, message: str, **more: str) -> None:
        self.code, self.body = code, {"message": message, **more}


class GrafanaState:
    """One organisation."""

    def __init__(self, plugins: set[str], version: str) -> None:
        self.plugins, self.version = plugins, version
        self.folders: dict[str, Json] = {}
        self.sources: dict[str, Json] = {}
        self.secrets: dict[str, Json] = {}
        self.dashboards: dict[str, list[Json]] = {}
        """By uid, every version: `model`, `message`, `createdBy`, `folderUid`."""
        self.provisioned: set[str] = set()
        self.annotations: list[Json] = []

    def edit_by_hand(self, uid: str, **changes: Any) -> None:
        """As somebody who saves a dashboard in the browser."""
        newest = self.dashboards[uid][-1]
        model = {**newest["model"], **changes, "version": newest["model"]["version"] + 1}
        self.dashboards[uid].append({**newest, "model": model, "message": "", "createdBy": "ada"})

    def health(self) -> Json:
        return {"commit": "0123456", "database": "ok", "version": self.version}

    def plugin(self, name: str) -> Json:
        if name not in self.plugins:
            raise Refused(404, "Plugin not found, no installed plugin with that id")
        return {"id": name, "type": "datasource", "enabled": True}

    def folder(self, uid: str) -> Json:
        if uid not in self.folders:
            raise Refused(404, "folder not found", status="not-found")
        return self.folders[uid]

    def add_folder(self, body: Json) -> Json:
        if not body.get("title"):
            raise Refused(400, "folder title cannot be empty")
        if body["uid"] in self.folders:
            raise Refused(409, "a folder with the same UID already exists")
        self.folders[body["uid"]] = {"uid": body["uid"], "title": body["title"], "version": 1}
        return self.folders[body["uid"]]

    def change_folder(self, uid: str, body: Json) -> Json:
        held = self.folder(uid)
        if not body.get("overwrite") and body.get("version") != held["version"]:
            message = "The folder has been changed by someone else"
            raise Refused(412, message, status="version-mismatch")
        held.update(title=body["title"], version=held["version"] + 1)
        return held

    def source(self, uid: str) -> Json:
        if uid not in self.sources:
            raise Refused(404, "Data source not found")
        return {**self.sources[uid], "secureJsonFields": dict.fromkeys(self.secrets[uid], True)}

    def add_source(self, body: Json) -> Json:
        if not (body.get("name") and body.get("type") and body.get("access")):
            raise Refused(400, "bad request data")
        if body["uid"] in self.sources or body["name"] in {
            s["name"] for s in self.sources.values()
        }:
            raise Refused(409, "data source with the same name already exists")
        self.secrets[body["uid"]] = body.pop("secureJsonData", {})
        self.sources[body["uid"]] = {**body, "version": 1, "readOnly": False}
        return {"message": "Datasource added", "name": body["name"]}

    def change_source(self, uid: str, body: Json) -> Json:
        held = self.source(uid)
        if held["readOnly"]:
            raise Refused(403, "Cannot update read-only data source")
        self.secrets[uid] |= body.pop("secureJsonData", {})
        self.sources[uid] = {**body, "version": held["version"] + 1, "readOnly": False}
        return {"message": "Datasource updated", "name": body["name"]}

    def dashboard(self, uid: str) -> Json:
        if uid not in self.dashboards:
            raise Refused(404, "Dashboard not found")
        newest = self.dashboards[uid][-1]
        meta = {
            "folderUid": newest["folderUid"],
            "version": newest["model"]["version"],
            "provisioned": uid in self.provisioned,
        }
        return {"dashboard": newest["model"], "meta": meta}

    def save_dashboard(self, body: Json) -> Json:
        model = body["dashboard"]
        uid, folder = model.get("uid"), body.get("folderUid", "")
        if not model.get("title"):
            raise Refused(400, "Dashboard title cannot be empty")
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", uid or ""):
            raise Refused(400, "uid contains illegal characters")
        if folder and folder not in self.folders:
            raise Refused(400, "folder not found")
        if uid in self.provisioned:
            raise Refused(400, "Cannot save provisioned dashboard")
        versions = self.dashboards.setdefault(uid, [])
        newest = versions[-1]["model"]["version"] if versions else 0
        if versions and not body.get("overwrite") and model.get("version") != newest:
            message = "The dashboard has been changed by someone else"
            raise Refused(412, message, status="version-mismatch")
        kept = {**model, "id": len(self.dashboards), "version": newest + 1}
        made = {"model": kept, "message": body.get("message", ""), "folderUid": folder}
        versions.append({**made, "createdBy": "sa-1-undertone"})
        return {"status": "success", "uid": uid, "version": newest + 1}

    def versions(self, uid: str, queries: Json) -> Json:
        self.dashboard(uid)
        rows = [
            {
                "version": one["model"]["version"],
                "message": one["message"],
                "createdBy": one["createdBy"],
                "created": "2026-03-17T12:00:00Z",
            }
            for one in reversed(self.dashboards[uid])
        ]
        return {"continueToken": "", "versions": rows[: int(queries.get("limit", ["1000"])[0])]}

    def find_annotations(self, queries: Json) -> list[Json]:
        tags = set(queries.get("tags", []))
        found = [a for a in reversed(self.annotations) if tags <= set(a["tags"])]
        return found[: int(queries.get("limit", ["100"])[0])]

    def add_annotation(self, body: Json) -> Json:
        if not body.get("text"):
            raise Refused(400, "Failed to save annotation", error="text field should not be empty")
        number, start = len(self.annotations) + 1, body["time"]
        made = {"id": number, "time": start, "timeEnd": body.get("timeEnd") or start}
        self.annotations.append({**made, "text": body["text"], "tags": body.get("tags", [])})
        return {"message": "Annotation added", "id": number}

    def change_annotation(self, number: str, body: Json) -> Json:
        held = next((a for a in self.annotations if a["id"] == int(number)), None)
        if held is None:
            raise Refused(404, "Annotation not found")
        held.update({k: v for k, v in body.items() if v})  # zero and empty leave it as it is
        return {"message": "Annotation patched"}
