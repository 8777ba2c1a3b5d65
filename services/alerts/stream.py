"""The `alerts` stream as a receiver: every event, as JSON, keyed by its topic."""

from __future__ import annotations

from typing import Final

import msgspec

from services.alerts.notify.port import Message
from services.records import topic_key
from services.store.alerts import STREAM
from services.stream.port import Output, Streams

FLUSH_S: Final = 5.0
_encode = msgspec.json.Encoder().encode


class AlertStream:
    """Implements `services.alerts.notify.port.Receiver`. After a crash an event may stand on the
    stream twice: header `key` is the same then."""

    name = STREAM
    repeats_are_dropped = True
    resend_every_s = None

    def __init__(self, streams: Streams, stream: str) -> None:
        self._producer, self._stream = streams.producer(), stream

    def send(self, message: Message) -> None:
        event = message.event
        key = topic_key(event.alert.namespace, event.alert.topic)
        header = ("key", event.key.encode())
        self._producer.send(Output(self._stream, key, _encode(event), headers=(header,)))
        self._producer.flush(FLUSH_S)

    def close(self) -> None:
        self._producer.close()
