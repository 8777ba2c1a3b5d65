"""The one file that speaks to Redis or Valkey: connecting, calling, and what went wrong.

Nothing is retried here. A lost connection is `Unavailable`, and whoever called
decides; every write of ours may safely be sent twice. A server out of memory or
without quorum is `Unavailable` too: it refuses writes now and takes them later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry

from services.errors import Unavailable, UsageError

NEIGHBOUR = "store"
Command = Sequence[Any]

_BUSY = frozenset(
    {
        "LOADING",
        "MASTERDOWN",
        "READONLY",
        "OOM",
        "MISCONF",
        "NOREPLICAS",
        "CLUSTERDOWN",
        "NOAUTH",
        "UNBLOCKED",  # a primary became a replica while we waited
    }
)
_CODE = re.compile(r"(?:^|caused error: )([A-Z]+) ")
"""redis-py leaves an error's code in its text, behind words of its own in a pipeline, or takes it
out into `status_code`."""
_NO_LOG = ("unknown command", "appendonly is disabled")
"""What a server says of WAITAOF that is too old for it, or keeps no append-only file."""


class ScriptMissing(Exception):
    """The server does not know a script that we loaded: it is not the server it was."""


class Client:
    """A pool of connections to one server or cluster. Thread-safe."""

    def __init__(self, connect: Callable[[], redis.Redis | RedisCluster]) -> None:
        self._connect = connect
        self._redis: redis.Redis | RedisCluster | None = None
        self._closed = False

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Client:
        """`redis://`, `rediss://`, or either with `+cluster`. Extra options go to redis-py."""
        cluster = "+cluster://" in url
        plain = url.replace("+cluster://", "://")
        defaults: dict[str, Any] = {
            "socket_timeout": 30.0,
            "socket_connect_timeout": 5.0,
            "protocol": 2,
            "retry": Retry(NoBackoff(), 0),
            **options,
        }
        if cluster:
            defaults["retry"] = Retry(NoBackoff(), 2)  # a MOVED answer counts as a failure there
            return cls(lambda: RedisCluster.from_url(plain, **defaults))
        return cls(lambda: redis.Redis.from_url(plain, **defaults))

    @classmethod
    def from_socket(cls, path: str, ensure: Callable[[], None]) -> Client:
        """A server behind a unix socket; `ensure` starts it again if it is gone."""

        def connect() -> redis.Redis:
            ensure()
            return redis.Redis(
                unix_socket_path=path,
                socket_timeout=30.0,
                protocol=2,
                retry=Retry(NoBackoff(), 0),
            )

        return cls(connect)

    @property
    def is_cluster(self) -> bool:
        with _translated():
            return isinstance(self._live(), RedisCluster)

    def call(self, *command: Any) -> Any:
        """One command, its answer as redis-py gives it."""
        with self._guarded() as live:
            return live.execute_command(*command)

    def pipe(self, commands: Sequence[Command]) -> list[Any]:
        """Several commands in one round trip (one per node); no transaction."""
        if not commands:
            return []
        with self._guarded() as live:
            pipe = live.pipeline(transaction=False)
            for command in commands:
                pipe.execute_command(*command)
            return list(pipe.execute(raise_on_error=True))

    def on_primaries(self, *command: Any) -> list[Any]:
        """The same command on every primary; one answer each."""
        with self._guarded() as live:
            if not isinstance(live, RedisCluster):
                return [live.execute_command(*command)]
            cluster: Any = live
            return [
                cluster.execute_command(*command, target_nodes=node)
                for node in cluster.get_primaries()
            ]

    def sync_primaries(self, timeout_ms: int) -> None:
        """Return once every primary of a cluster has its writes on its disk, and on one of its
        replicas where it has any."""
        with self._guarded() as live:
            for node, key in _key_per_primary(live).items():
                _sync(live.get_redis_connection(node), node.name, key, timeout_ms)

    def sync(self, key: str, timeout_ms: int) -> bool:
        """The same for the one server that holds `key`, which is written for it. False where
        that server can't say: it keeps no append-only file, knows no WAITAOF, or keeps us from it.
        """
        with self._guarded() as live:
            server: Any = live
            if isinstance(live, RedisCluster):
                server = live.get_redis_connection(server.get_node_from_key(key))
            try:
                _sync(server, "the server", key, timeout_ms)
            except redis.exceptions.NoPermissionError:
                return False
            except redis.ResponseError as error:
                if not any(words in str(error) for words in _NO_LOG):
                    raise
                return False
            return True

    def info(self, section: str) -> list[Mapping[str, Any]]:
        """INFO of every primary."""
        return [dict(answer) for answer in self.on_primaries("INFO", section)]

    def scan(self, pattern: str) -> Iterator[bytes]:
        """Keys that match, on every primary; some may come twice."""
        with self._guarded() as live:
            yield from live.scan_iter(match=pattern, count=1000)

    def close(self) -> None:
        """For good: calls that are under way end, and none is made any more (`Unavailable`)."""
        self._closed = True
        if self._redis is not None:
            self._redis.close()
            self._redis = None

    def _live(self) -> redis.Redis | RedisCluster:
        live = self._redis
        if live is None:
            live = None if self._closed else self._connect()
            self._redis = live
        if live is None or self._closed:
            self.close()
            raise Unavailable(NEIGHBOUR, "the connection was closed")
        return live

    @contextmanager
    def _guarded(self) -> Iterator[Any]:
        with _translated():
            live = self._live()
            try:
                yield live
            except (redis.ConnectionError, redis.TimeoutError):
                self._forget(live)
                raise
            except (OSError, ValueError) as error:  # of a socket that was closed under us
                if not self._closed:
                    raise
                raise Unavailable(NEIGHBOUR, "the connection was closed") from error

    def _forget(self, live: redis.Redis | RedisCluster) -> None:
        """Connect anew, to where the server is then. What other threads have under way on the old
        connections comes to its own end."""
        if self._redis is live:
            self._redis = None
        if not isinstance(live, RedisCluster):
            live.connection_pool.disconnect(inuse_connections=False)


def _sync(server: Any, name: str, key: str, timeout_ms: int) -> None:
    """Return once one server has its writes on its disk, and on one of its replicas where it has
    any; `Unavailable` where that takes longer.

    It answers for what a connection wrote, and for all before that; so `key` is written first.
    """
    replicas = min(1, server.info("replication")["connected_slaves"])
    pipe = server.pipeline(transaction=False)
    pipe.execute_command("SET", key, "", "PX", 60_000)
    pipe.execute_command("WAITAOF", 1, 0, timeout_ms)
    pipe.execute_command("WAIT", replicas, timeout_ms)
    _, (on_disk, _), on_replicas = pipe.execute()
    if on_disk < 1 or on_replicas < replicas:
        raise Unavailable(NEIGHBOUR, f"{name} is slow to make writes durable")


def _key_per_primary(cluster: Any) -> dict[Any, str]:
    """A key that each primary holds."""
    keys: dict[Any, str] = {}
    missing = set(cluster.get_primaries())
    for number in count():
        key = f"ut:sync:{number}"
        node = cluster.get_node_from_key(key)
        if node in missing:
            keys[node] = key
            missing.discard(node)
        if not missing:
            break
    return keys


@contextmanager
def _translated() -> Iterator[None]:
    """redis-py's errors as ours."""
    try:
        yield
    except redis.exceptions.NoScriptError as error:
        raise ScriptMissing(str(error)) from error
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        raise UsageError(f"the store refuses us: {error}; check user and password") from error
    except (redis.ConnectionError, redis.TimeoutError, redis.exceptions.BusyLoadingError) as error:
        raise Unavailable(NEIGHBOUR, str(error) or type(error).__name__) from error
    except redis.exceptions.RedisClusterException as error:
        raise Unavailable(NEIGHBOUR, str(error)) from error
    except redis.ResponseError as error:
        if _code(error) in _BUSY:
            raise Unavailable(NEIGHBOUR, str(error)) from error
        raise


def _code(error: redis.ResponseError) -> str:
    """Its first word, as the server sent it: OOM, READONLY, …"""
    found = _CODE.search(str(error))
    return error.status_code or (found[1] if found else "")
