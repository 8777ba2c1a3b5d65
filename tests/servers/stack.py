"""`make stack`: real Kafka, Valkey and Triton on this machine, without Docker, until Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import sys
from threading import Event

from tests.servers.kafka import KafkaServer
from tests.servers.local import ServerMissing
from tests.servers.triton import Triton
from tests.servers.valkey import ValkeyServer


def main() -> int:
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with contextlib.ExitStack() as stack:
        try:
            addresses = _start(stack)
        except ServerMissing as error:
            print(f"make stack: {error}", file=sys.stderr)
            return 1
        print("\nAll three are up. In another terminal:\n")
        for name, address in addresses.items():
            print(f"  export UNDERTONE_{name}_URL={address}")
        print("\n  .venv/bin/undertone streams create")
        print("  .venv/bin/undertone check --topics topics.example.yaml", flush=True)
        print("\nCtrl-C ends them; what they hold is gone then.", flush=True)
        stop.wait()
        print("\nStopping ...", flush=True)
    return 0


def _start(stack: contextlib.ExitStack) -> dict[str, str]:
    """The servers' addresses by the setting that takes each; `stack` stops them."""
    print("Kafka: fetching the jars where they are not cached, starting ...", flush=True)
    broker = KafkaServer().start()
    stack.callback(broker.stop)
    print(f"Valkey: starting ... (Kafka is at {broker.url})", flush=True)
    store = ValkeyServer().start()
    stack.callback(store.stop)
    print("Triton: a first start installs its own environment, some minutes ...", flush=True)
    networks = stack.enter_context(Triton())
    return {
        "STREAMS": broker.url,
        "STORE": store.url,
        "CLASSIFIER": f"grpc://{networks.url}",
    }


if __name__ == "__main__":
    sys.exit(main())
