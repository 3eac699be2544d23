"""
One request and its answer on a server's connection, with fewer calls to the system than uvicorn's own:
the head of an answer whose length is known goes out together with its body.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

START = "http.response.start"
BODYLESS = (204, 304)


class Cycle(RequestResponseCycle):
    """Answers as uvicorn's cycle does, on the wire to the byte, and refuses what that refuses."""

    _head: bytes | None = None

    async def send(self, message: Any) -> None:
        """
        Write one message of ASGI, waiting while the buyer takes nothing.

        :raises RuntimeError: the application does not keep to the protocol
        """
        if self.response_started or self.access_log or message["type"] != START:
            if self._head is None:
                await super().send(message)
            else:
                await self._send_first(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        self.response_started = True
        self.waiting_for_100_continue = False
        head = self._write_head(message["status"], self.default_headers + list(message.get("headers", ())))
        if self.chunked_encoding is False and self.scope["method"] != "HEAD":
            self._head = head
        else:
            self.transport.write(head)

    async def _send_first(self, message: Any) -> None:
        """The head, and with it the first part of the body."""
        head, body = self._head or b"", message.get("body", b"")
        self._head = None
        if self.disconnected:
            return
        if len(body) != self.expected_content_length or message.get("more_body", False):
            self.transport.write(head)
            await super().send(message)
            return
        self.transport.write(head + body)
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _write_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
        content = [STATUS_LINE[status]]
        is_closing = False
        for name, value in headers:
            name = name.lower()
            if name == b"content-length" and self.chunked_encoding is None:
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif name == b"transfer-encoding" and value.lower() == b"chunked":
                self.expected_content_length = 0
                self.chunked_encoding = True
            elif name == b"connection" and b"close" in [token.strip() for token in value.lower().split(b",")]:
                self.keep_alive = False
                is_closing = True
            content.append(b"%b: %b\r\n" % (name, value))
        if not self.keep_alive and not is_closing:
            content.append(b"connection: close\r\n")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in BODYLESS:
            self.chunked_encoding = True
            content.append(b"transfer-encoding: chunked\r\n")
        head = b"".join(content)
        # One look at the whole instead of one at each name and value: a line more than there are headers
        # was smuggled in.
        if not len(content) == head.count(b"\n") == head.count(b"\r") or b"\0" in head:
            raise RuntimeError("A header has characters that would end it.")
        return head + b"\r\n"
