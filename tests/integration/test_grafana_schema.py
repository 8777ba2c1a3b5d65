"""The dashboards against Grafana's own schema: the types that it publishes with each release.

They come from the npm registry in the version of the Grafana in docker-compose.yml, and stay in
`.cache/grafana-schema/`; TypeScript compares, and knows of no field that Grafana does not know.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.grafana.dashboards import dashboards
from tests.conftest import ROOT, missing
from tests.servers.local import alone

pytestmark = pytest.mark.integration
CACHE = ROOT / ".cache" / "grafana-schema"
TYPESCRIPT = "7.0.2"
COMPILE = ("--noEmit", "--strict", "--skipLibCheck", "--moduleResolution", "bundler")
SCHEMA = "./node_modules/@grafana/schema/dist/types"
KINDS = ("stat", "table", "timeseries", "bargauge")

TYPES = """
// Enums as they are written in JSON: by their values.
type Written<T> = 0 extends 1 & T ? T : unknown extends T ? T
  : T extends string ? `${T}` : T extends (infer U)[] ? Written<U>[]
  : T extends object ? { [K in keyof T]: Written<T[K]> } : T;
type Defaults<F> = { defaults: Omit<g.FieldConfig, 'custom'> & { custom?: Partial<F> } };
type Of<K, O, F> = Omit<g.Panel, 'type' | 'options' | 'fieldConfig'> & {
  type: K; options: Partial<O>; fieldConfig: Omit<g.FieldConfigSource, 'defaults'> & Defaults<F>;
};
type Row = Omit<g.RowPanel, 'type'> & { type: 'row' };
type None = Record<string, never>;
type Ours = Row
  | Of<'stat', stat.Options, None>
  | Of<'bargauge', bargauge.Options, None>
  | Of<'table', table.Options, table.FieldConfig>
  | Of<'timeseries', timeseries.Options, timeseries.FieldConfig>;
// A plugin's queries have fields of their own.
type Mark = g.AnnotationQuery<g.DataQuery & Record<string, unknown>>;
type Board = Written<Omit<g.Dashboard, 'panels' | 'annotations'> & {
  panels: Ours[]; annotations: { list: Mark[] };
}>;
"""


@pytest.fixture(scope="module")
def folder() -> Path:
    """Where the types and the compiler are."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        missing("no npm: Grafana's schema can't be had")
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    version = compose["services"]["grafana"]["image"].partition(":")[2]
    wanted = [f"@grafana/schema@{version}", f"typescript@{TYPESCRIPT}"]
    with alone(CACHE):
        done = CACHE / ".installed"
        if not done.is_file() or done.read_text() != str(wanted):
            quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--loglevel=error"]
            made = _run(["npm", "install", *quiet, "--prefix", str(CACHE), *wanted])
            if made.returncode:
                missing(f"Grafana's schema can't be had: {made.stderr.strip()[-300:]}")
            done.write_text(str(wanted))
    return CACHE


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=CACHE, capture_output=True, text=True, check=False, timeout=120
    )


def _complaints(folder: Path, boards: list[dict[str, Any]], name: str) -> list[str]:
    imports = [f"import type * as g from '{SCHEMA}/index';"]
    imports += [
        f"import type * as {kind} from '{SCHEMA}/raw/composable/{kind}/panelcfg/x/types.gen';"
        for kind in KINDS
    ]
    consts = [f"export const b{n}: Board = {json.dumps(b)};" for n, b in enumerate(boards)]
    (folder / name).write_text("\n".join([*imports, TYPES, *consts]))
    compiler = str(folder / "node_modules" / "typescript" / "bin" / "tsc")
    made = _run(["node", compiler, *COMPILE, "--module", "esnext", name])
    found = [line[:500] for line in made.stdout.splitlines() if "error TS" in line]
    assert bool(found) == bool(made.returncode), made.stdout
    return found


def test_every_dashboard_is_of_grafanas_schema(folder: Path) -> None:
    assert _complaints(folder, dashboards(), "ours.ts") == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"colorMode": "value"', '"colorMode": "loud"'),
        ('"gridPos"', '"place"'),
        ('"fillOpacity": 8,', '"fillOpacity": "8",'),
        ('"showHeader"', '"showHead"'),
        ('"schemaVersion": 39', '"schemaVersion": null'),
    ],
)
def test_what_grafana_does_not_know_is_found(folder: Path, old: str, new: str) -> None:
    text = json.dumps(dashboards())
    assert old in text
    wrong = json.loads(text.replace(old, new))
    name = f"wrong-{re.sub(r'[^a-z]', '', new.lower())}.ts"
    assert _complaints(folder, wrong, name), f"{new} was taken"
