"""A real Apache Kafka broker on this machine: one node, KRaft, no Docker.

For tests (the `kafka` fixture), for `make stack`, and by hand:

    python -m tests.servers.kafka --port 9092 --data ./runs/kafka

The jars come from Maven Central (deploy/kafka/pom.xml) and are kept in
`.cache/kafka/`. The broker listens on two ports of localhost: one plain, one
that wants a user and a password (SASL/PLAIN).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.servers.local import ServerMissing, await_start, end, free_ports

ROOT = Path(__file__).resolve().parents[2]
POM = ROOT / "deploy" / "kafka" / "pom.xml"
CACHE = ROOT / ".cache" / "kafka"
CLUSTER_ID = "undertoneAAAAAAAAAAAAA"
"""Any 16 bytes in base64; a data folder belongs to one cluster id."""
USER, PASSWORD = "undertone", "undertone-secret"

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAIN://127.0.0.1:{port},SASL://127.0.0.1:{sasl_port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAIN://127.0.0.1:{port},SASL://127.0.0.1:{sasl_port}
listener.security.protocol.map=PLAIN:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAIN
controller.listener.names=CONTROLLER
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
required user_{user}="{password}";
log.dirs={logs}
num.partitions=1
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
message.max.bytes=4194304
replica.fetch.max.bytes=4194304
log.segment.bytes=67108864
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=2097152
"""

LOGGING = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="warn"><Appenders><Console name="out">
<PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>
<Loggers><Root level="warn"><AppenderRef ref="out"/></Root></Loggers></Configuration>
"""


def jars() -> Path:
    """The folder with the broker's jars, fetched once per version of the pom."""
    version = re.search(r"<kafka.version>(.*?)</kafka.version>", POM.read_text()) or [None, "?"]
    folder = CACHE / str(version[1])
    if not (folder / "complete").exists():
        _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    if shutil.which("mvn") is None:
        raise ServerMissing("Kafka needs Maven (mvn) to fetch its jars; none is on the PATH")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        raise ServerMissing(f"Maven could not fetch Kafka: {(done.stdout + done.stderr)[-1000:]}")
    (folder / "complete").touch()


class KafkaServer:
    """One broker with its data folder; it can be killed and started again on both."""

    def __init__(self, data: Path | None = None, port: int = 0) -> None:
        self._own = data is None
        self.data = data or Path(tempfile.mkdtemp(prefix="undertone-kafka-"))
        free, self.sasl_port, self._controller = free_ports(3)
        self.port = port or free
        self._log = self.data / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        return f"kafka://{self.address}"

    @property
    def sasl_url(self) -> str:
        return f"kafka://127.0.0.1:{self.sasl_port}"

    def start(self) -> KafkaServer:
        """Start (again) and wait until the broker takes connections."""
        if shutil.which("java") is None:
            raise ServerMissing("Kafka needs Java 17 or newer; no java is on the PATH")
        config = self._configure()
        if not (self.data / "logs" / "meta.properties").exists():
            self._java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(config))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", str(config)),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        ports = (self.port, self.sasl_port)
        await_start(self._process, lambda: all(map(_listens, ports)), self._log)
        return self

    def kill(self) -> None:
        """kill -9: nothing is flushed, nobody is told."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Shut down in order, and remove the data folder if it was ours."""
        self._end(signal.SIGTERM)
        if self._own:
            shutil.rmtree(self.data, ignore_errors=True)

    def pause(self) -> None:
        """Freeze the broker: connections stay, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def unpause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            end(process, how)

    def _configure(self) -> Path:
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "log4j2.xml").write_text(LOGGING)
        config = self.data / "server.properties"
        config.write_text(
            PROPERTIES.format(
                port=self.port,
                sasl_port=self.sasl_port,
                controller=self._controller,
                logs=self.data / "logs",
                user=USER,
                password=PASSWORD,
            )
        )
        return config

    def _command(self, main: str, *arguments: str) -> list[str]:
        java = ["java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        java += ["-Xshare:auto", f"-Dlog4j2.configurationFile={self.data / 'log4j2.xml'}"]
        return [*java, "-cp", f"{jars()}/*", main, *arguments]

    def _java(self, main: str, *arguments: str) -> None:
        done = subprocess.run(
            self._command(main, *arguments), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{main} failed: {done.stdout}{done.stderr}")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=9092, help="0 picks a free one")
    parser.add_argument("--data", type=Path, default=None, help="kept when given")
    options = parser.parse_args()
    data = options.data.resolve() if options.data else None
    server = KafkaServer(data, options.port).start()
    print(f"Kafka: {server.url} (SASL/PLAIN at {server.sasl_url})", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        signal.pause()
    server.stop()


if __name__ == "__main__":
    main()
