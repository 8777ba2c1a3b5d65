"""The two data sources, as Grafana's API and its provisioning files want them.

Grafana never tells a secret again. To know whether the token that it holds is still ours, a
proof of it lies beside it: scrypt, since everybody who may look at the data source can read that.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import scrypt
from typing import Any, Final

from services.grafana.queries import API_UID, BASE, INFINITY, PROMETHEUS_UID

Json = dict[str, Any]
PROOF: Final = "undertoneTokenProof"


def sources(api_url: str, api_token: str, prometheus_url: str) -> list[Json]:
    """Bodies for creating or changing them. An empty token: the API asks for none."""
    return [_api(api_url.rstrip("/"), api_token), _prometheus(prometheus_url.rstrip("/"))]


def _api(url: str, token: str) -> Json:
    data: Json = {
        "allowedHosts": [url],
        "customHealthCheckEnabled": True,
        "customHealthCheckUrl": f"{url}{BASE}/health",
        "timeoutInSeconds": 30,
    }
    source: Json = {
        "uid": API_UID,
        "name": "Undertone",
        "type": INFINITY,
        "access": "proxy",
        "url": url,
        "jsonData": data,
    }
    if token:
        data |= {"auth_method": "bearerToken", PROOF: proof(token)}
        source["secureJsonData"] = {"bearerToken": token}
    return source


def _prometheus(url: str) -> Json:
    return {
        "uid": PROMETHEUS_UID,
        "name": "Undertone Prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": url,
        "jsonData": {"httpMethod": "POST", "timeInterval": "15s"},
    }


def proof(token: str) -> str:
    """Slow to guess from, and the same for the same token."""
    return scrypt(token.encode(), salt=API_UID.encode(), n=2**14, r=8, p=1, dklen=16).hex()


def differences(wanted: Mapping[str, Any], held: Mapping[str, Any]) -> list[str]:
    """What of `wanted` the data source in Grafana does not have, by name; no secret's value."""
    plain = [k for k in ("name", "type", "access", "url") if held.get(k) != wanted[k]]
    theirs = held.get("jsonData") or {}
    ours = wanted["jsonData"]
    data = [k for k in ours if theirs.get(k) != ours[k]]
    left = [k for k in ("auth_method", PROOF) if k in theirs and k not in ours]
    secrets = held.get("secureJsonFields") or {}
    missing = [k for k in wanted.get("secureJsonData", {}) if not secrets.get(k)]
    return [*plain, *data, *left, *missing]
