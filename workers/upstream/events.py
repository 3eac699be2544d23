"""Server-sent events, read in bytes across any boundaries the network makes."""

from __future__ import annotations

LINE_BYTES_MAX = 1024 * 1024
# The empty name is a comment's, or an empty line's.
FIELDS = frozenset({b"", b"data", b"event", b"id", b"retry"})


class EventTooLong(Exception):
    """One event is longer than the limit."""


class EventUnreadable(Exception):
    """A line is neither a field of an event nor a comment: something was lost or mixed up on the way."""


class EventReader:
    """
    Takes bytes as they come and gives the `data` of each complete event.

    Line ends may be LF, CRLF or CR. An event may have several data lines: they are joined by a space, which
    between the tokens of JSON means what a LF does, so that no payload can end an event when it is written
    into another stream. Comments and the other known fields are dropped, since the SDKs drop them too. A line
    of any other form, which a browser would pass over, is refused: it may be half of an event that was to be
    relayed.
    """

    __slots__ = ("_carriage_return", "_limit", "_rest")

    def __init__(self, *, limit: int = LINE_BYTES_MAX) -> None:
        self._rest = bytearray()
        self._limit = limit
        self._carriage_return = False

    def feed(self, data: bytes) -> list[bytes]:
        """
        Give the payloads of the events that these bytes complete.

        :raises EventTooLong: an event passed the limit, complete or not
        :raises EventUnreadable: a line is of no known form
        """
        if self._carriage_return or b"\r" in data:
            data = self._normalise(data)
        rest = self._rest
        # Only the new bytes are searched: a stream that drips costs no more than one that flows.
        begin = max(len(rest) - 1, 0)
        rest += data
        last = rest.rfind(b"\n\n", begin)
        if last < 0:
            if len(rest) > self._limit:
                raise EventTooLong(f"an event is longer than {self._limit} bytes")
            return []
        blocks = bytes(rest[:last]).split(b"\n\n")
        del rest[: last + 2]
        if len(rest) > self._limit:
            raise EventTooLong(f"an event is longer than {self._limit} bytes")
        return self._read_blocks(blocks)

    def finish(self) -> list[bytes]:
        """Give what is left when the answer ended properly without the last blank line."""
        left = bytes(self._rest)
        self._rest.clear()
        return self._read_blocks([left])

    def _normalise(self, data: bytes) -> bytes:
        if self._carriage_return:
            data = b"\r" + data
        # A CR at the end may be the first half of a CRLF.
        self._carriage_return = data.endswith(b"\r")
        if self._carriage_return:
            data = data[:-1]
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _read_blocks(self, blocks: list[bytes]) -> list[bytes]:
        payloads = []
        for block in blocks:
            if len(block) > self._limit:
                raise EventTooLong(f"an event is longer than {self._limit} bytes")
            if block.startswith(b"data: ") and b"\n" not in block:
                payloads.append(block[6:])
            else:
                lines = [line for line in block.split(b"\n") if _is_data(line)]
                if lines:
                    payloads.append(b" ".join(line[5:].removeprefix(b" ") for line in lines))
        return payloads


def _is_data(line: bytes) -> bool:
    name = line.partition(b":")[0]
    if name not in FIELDS:
        raise EventUnreadable("a line of the stream is of no known form")
    return name == b"data"
