"""What a store's URL names: an embedded server, or one that runs elsewhere."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from services.errors import UsageError
from services.store.client import Client
from services.store.embedded import EmbeddedServer
from services.store.store import Store


def open_store(
    url: str,
    *,
    data_dir: Path | None = None,
    username: str | None = None,
    password: SecretStr | str | None = None,
    tls_ca_file: Path | None = None,
) -> Store:
    """`embedded://`, or `redis://`, `rediss://`, `redis+cluster://`, `rediss+cluster://`."""
    scheme = url.partition("://")[0]
    if scheme == "embedded":
        if data_dir is None:
            raise UsageError("the embedded store needs a data folder")
        server = EmbeddedServer(data_dir)
        store = Store(Client.from_socket(server.socket, server.ensure), server)
        try:
            server.ensure()
        except BaseException:
            store.close()
            raise
        return store
    if scheme not in ("redis", "rediss", "redis+cluster", "rediss+cluster"):
        known = "embedded://, redis://, rediss://, redis+cluster://, rediss+cluster://"
        raise UsageError(f"the store's URL starts with {scheme!r}; known are {known}")
    secret = password.get_secret_value() if isinstance(password, SecretStr) else password
    options: dict[str, object] = {}
    if username:
        options["username"] = username
    if secret:
        options["password"] = secret
    if tls_ca_file is not None:
        options["ssl_ca_certs"] = str(tls_ca_file)
    return Store(Client.from_url(url, **options))
