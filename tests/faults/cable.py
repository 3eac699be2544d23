"""A line between two programs that can go dead without either being told."""

import asyncio
import threading
from contextlib import suppress
from typing import Self

PIECE = 65_536


class Cable:
    """
    Passes TCP connections on to `port`, until it is cut.

    While it is cut nothing passes in either direction: no byte, no end and no refusal, as where every packet
    is dropped. Once mended, what was under way arrives, as TCP sends it again.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._whole = asyncio.Event()
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Where this end of it is."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Let nothing pass."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        """Let everything pass."""
        self._loop.call_soon_threadsafe(self._whole.set)

    async def _open(self) -> asyncio.Server:
        self._whole.set()
        return await asyncio.start_server(self._join, "127.0.0.1", 0)

    async def _close(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            try:
                await self._whole.wait()
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
                try:
                    await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
                finally:
                    far_writer.transport.abort()
            finally:
                writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                piece = await reader.read(PIECE)
            except OSError:
                # A connection that broke says so at the other end too, once the line is whole.
                await self._whole.wait()
                writer.transport.abort()
                raise
            await self._whole.wait()
            if not piece:
                writer.write_eof()
                return
            writer.write(piece)
            await writer.drain()
