"""What simulators that speak over a raw socket share: accepting connections until they end."""

from __future__ import annotations

import socket
import threading
from typing import Self


class Listening:
    """Accepts on any free port within its `with`, each connection in a thread of its own."""

    address = "127.0.0.1"
    connections = 0
    over: threading.Event
    """For whatever never ends by itself."""

    def __enter__(self) -> Self:
        self.over = threading.Event()
        self._listener = socket.create_server((self.address, 0), backlog=64)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.ending()
        with socket.socket() as last:
            last.connect(self._listener.getsockname())
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def serve(self, connection: socket.socket) -> None:
        """One connection, closed afterwards; an `OSError` means that the client went away."""
        raise NotImplementedError

    def ending(self) -> None:
        """Wake what waits for anything else than its connection."""

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self.over.is_set():
                connection.close()
                return
            self.connections += 1
            thread = threading.Thread(target=self._served, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _served(self, connection: socket.socket) -> None:
        with connection:
            try:
                self.serve(connection)
            except OSError:
                pass


def head(connection: socket.socket) -> bytes:
    """A request's head, up to its blank line; nothing where the client asks no more."""
    read = b""
    while b"\r\n\r\n" not in read:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        read += chunk
    return read
