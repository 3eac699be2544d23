"""A real server on loopback, for tests of what calls others."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class Server:
    """A real server on loopback that answers with given bytes and keeps what it was sent."""

    def __init__(self, answer: Callable[[Any], None] | bytes, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.names: list[str | None] = []
        self._answer = answer
        self._context = context
        if context is not None:
            context.sni_callback = lambda _, name, __: self.names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection: Any = self._listener.accept()[0]
            except OSError:
                return
            with suppress(OSError), connection:
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
                self.requests.append(connection.recv(65_536))
                if callable(self._answer):
                    self._answer(connection)
                else:
                    connection.sendall(self._answer)
                connection.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
