"""One connection to the relay, from hello to its end, and the loop that makes the next one."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Protocol
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from agent import energy, protocol, receipts, upstream
from agent.exits import FINAL_REFUSALS, AgentStopped, Exit
from agent.jobs import ConnectionGone, Jobs, Send
from agent.protocol import Kind
from agent.settings import Settings
from agent.version import VERSION

OPEN_SECONDS_MAX = 10.0
WELCOME_SECONDS_MAX = 15.0
PING_SECONDS = 5.0
PING_ANSWER_SECONDS_MAX = 10.0
BACKOFF_SECONDS_FIRST = 0.5
BACKOFF_SECONDS_MAX = 30.0
RESEND_SECONDS = 30.0
RESEND_MAX = 500
MODELS_SECONDS = 10.0
FINAL_RECEIPTS_SECONDS_MAX = 3.0
LOST_MAX = 32

log = logging.getLogger("jouleport.agent.session")

_LOST = (OSError, TimeoutError, InvalidHandshake, ConnectionClosed, ConnectionGone, protocol.FrameRefused)


class _OlderRelay(Exception):
    """The relay does not know this version of the protocol."""


class Earlier(Protocol):
    """The process that runs already with this state folder, from which this one takes over."""

    @property
    def is_gone(self) -> bool:
        """Whether it has left."""

    def ask_to_leave(self) -> None:
        """Ask it to finish what it runs and leave."""

    async def gone(self) -> None:
        """Wait until it has left."""


class Session:
    """Keeps one agent connected until it is told to stop or cannot go on."""

    def __init__(
        self,
        *,
        settings: Settings,
        identity: receipts.Identity,
        jobs: Jobs,
        meter: energy.Meter,
        upstream: upstream.Upstream,
        models: list[str],
        earlier: Earlier | None = None,
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._jobs = jobs
        self._meter = meter
        self._upstream = upstream
        self._models = models
        self._instance = uuid4().hex
        self._speaks = protocol.VERSION
        self._taking_over = earlier is not None
        self._earlier = earlier
        self._leaving: str | None = None
        self.welcome: protocol.Welcome | None = None
        self._stopping = asyncio.Event()
        self._acknowledged = asyncio.Event()
        self._sent: dict[str, float] = {}

    def stop(self) -> None:
        """Drain: take nothing new, finish what runs, leave."""
        self._jobs.draining = True
        self._stopping.set()

    @property
    def models(self) -> list[str]:
        """What the model server has now; nothing while it does not answer."""
        return self._models

    @property
    def leaving_for_another(self) -> bool:
        """Whether another process has taken over and speaks for this node now."""
        return self._leaving == "takeover"

    @property
    def leaving(self) -> bool:
        """Whether it drains."""
        return self._stopping.is_set()

    async def run(self) -> None:
        """
        Connect again and again until stopped.

        :raises AgentStopped: the relay refuses this agent for good
        """
        watching = asyncio.create_task(self._watch_models())
        failures = 0
        try:
            while not self._stopping.is_set():
                started = time.monotonic()
                try:
                    await self._connect()
                    failures = 0
                except _OlderRelay:
                    await self._come_down()
                    continue
                except _LOST as error:
                    _raise_if_final(error)
                    log.warning("relay lost", extra={"reason": f"{type(error).__name__}: {error}"[:300]})
                await self._jobs.abandon_all()
                if time.monotonic() - started > BACKOFF_SECONDS_MAX:
                    failures = 0
                await self._pause(failures)
                failures += 1
        finally:
            watching.cancel()
        if self._leaving == "token_ended":
            raise AgentStopped(Exit.TOKEN_REFUSED, "this token has ended: a newer one was given to the node")

    async def _come_down(self) -> None:
        """Speak one version less. So old a relay knows no taking over: let the earlier agent finish first."""
        self._speaks -= 1
        log.info("the relay is older", extra={"protocol": self._speaks})
        if self._earlier is not None and self._taking_over:
            self._taking_over = False
            self._earlier.ask_to_leave()
            waiting = asyncio.create_task(self._stopping.wait())
            await asyncio.wait(
                {waiting, asyncio.create_task(self._earlier.gone())}, return_when=asyncio.FIRST_COMPLETED
            )
            waiting.cancel()

    async def _pause(self, failures: int) -> None:
        """Wait a random part of a span that doubles, so that many agents do not return at once."""
        longest = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_FIRST * 2 ** min(failures, 10))
        try:
            async with asyncio.timeout(random.uniform(longest / 4, longest)):  # noqa: S311
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _watch_models(self) -> None:
        while True:
            await asyncio.sleep(MODELS_SECONDS)
            try:
                models = await self._upstream.list_models()
            except upstream.UpstreamLost as error:
                models = []
                if self._models:
                    log.warning("model server lost", extra={"reason": str(error)})
            if models and not self._models:
                log.info("model server is back", extra={"models": models})
            self._models = models

    async def _connect(self) -> None:
        async with connect(
            self._settings.market,
            additional_headers={"authorization": f"Bearer {self._settings.token}"},
            user_agent_header=f"jouleport-agent/{VERSION}",
            compression=None,
            max_size=protocol.FRAME_BYTES_MAX,
            open_timeout=OPEN_SECONDS_MAX,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_ANSWER_SECONDS_MAX,
            close_timeout=2,
            proxy=None,
        ) as socket:
            self.welcome = welcome = await self._greet(socket)
            log.info(
                "connected",
                extra={"node": welcome.node, "epoch": welcome.epoch, "protocol": welcome.protocol},
            )
            if self._earlier is not None and self._taking_over:
                # The relay asks it too; this reaches one of an older version.
                self._earlier.ask_to_leave()
            self._taking_over = False
            try:
                await self._serve(socket, welcome)
            finally:
                self.welcome = None

    async def _greet(self, socket: ClientConnection) -> protocol.Welcome:
        hello = {
            "protocol": self._speaks,
            "protocol_min": protocol.VERSION_MIN,
            "takeover": self._taking_over and self._earlier is not None and not self._earlier.is_gone,
            "lost": self._lost,
            "agent_version": VERSION,
            "instance": self._instance,
            "models": self._models,
            "chips": self._settings.chips,
            "slots": self._settings.slots,
            "machine_id": self._settings.machine_id,
            "watts_idle": self._settings.watts_idle,
            "watts_busy": self._settings.watts_busy,
            "public_key": self._identity.public,
            "energy": self._meter.reading(now_ns=time.monotonic_ns()).as_control(),
        }
        await socket.send(protocol.encode_control(Kind.HELLO, hello))
        async with asyncio.timeout(WELCOME_SECONDS_MAX):
            frame = protocol.decode(await socket.recv())
        if frame.kind is Kind.WELCOME:
            return protocol.read_welcome(frame.payload)
        self._heed_refusal(frame)
        raise ConnectionGone("the relay did not welcome this agent")

    @property
    def _lost(self) -> list[dict[str, str]]:
        return [loss.as_control() for loss in self._meter.lost[:LOST_MAX]]

    def _heed_refusal(self, frame: protocol.Frame) -> None:
        """:raises AgentStopped: the relay refuses this agent for good"""
        if frame.kind is not Kind.REFUSED:
            return
        code, message = protocol.read_refusal(frame.payload)
        if code == "protocol_unsupported" and self._speaks > protocol.VERSION_MIN:
            raise _OlderRelay
        if code == "replaced" and self._leaving is not None:
            return
        if code in FINAL_REFUSALS:
            raise AgentStopped(FINAL_REFUSALS[code], message)
        log.warning("relay refuses, trying again", extra={"code": code, "reason": message})

    async def _serve(self, socket: ClientConnection, welcome: protocol.Welcome) -> None:
        async def send(message: bytes) -> None:
            try:
                await socket.send(message)
            except ConnectionClosed as error:
                raise ConnectionGone from error

        self._sent.clear()
        self._acknowledged.clear()
        receiving = asyncio.create_task(self._receive(socket, send))
        helpers = {
            asyncio.create_task(self._beat(send, seconds=welcome.heartbeat_seconds)),
            asyncio.create_task(self._resend(send)),
        }
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({receiving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done():
                await self._drain(send, receiving)
        finally:
            for task in (receiving, stopping, *helpers):
                task.cancel()
            results = await asyncio.gather(receiving, *helpers, return_exceptions=True)
        for result in results:
            if isinstance(result, AgentStopped):
                raise result
            if isinstance(result, Exception) and not isinstance(result, ConnectionClosed | ConnectionGone):
                log.error("connection failed", exc_info=result)

    async def _drain(self, send: Send, receiving: asyncio.Task[None]) -> None:
        seconds = self._settings.drain_seconds
        log.info("draining", extra={"running": self._jobs.running, "seconds": seconds})
        try:
            await send(protocol.encode_control(Kind.DRAIN, {"seconds": seconds}))
        except ConnectionGone:
            return
        settled = asyncio.create_task(self._jobs.settle())
        await asyncio.wait({settled, receiving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not settled.done():
            log.warning("drain time is over", extra={"running": self._jobs.running})
        settled.cancel()
        await self._jobs.abandon_all()
        deadline = time.monotonic() + FINAL_RECEIPTS_SECONDS_MAX
        while await self._jobs.pending_receipts(limit=1) and not receiving.done():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._acknowledged.clear()
            try:
                async with asyncio.timeout(left):
                    await self._acknowledged.wait()
            except TimeoutError:
                break

    async def _receive(self, socket: ClientConnection, send: Send) -> None:
        async for message in socket:
            frame = protocol.decode(message)
            match frame.kind:
                case Kind.REQUEST:
                    self._jobs.begin(frame, send=send)
                case Kind.BODY:
                    self._jobs.add_body(frame)
                case Kind.CREDIT:
                    self._jobs.add_credit(frame)
                case Kind.CANCEL:
                    self._jobs.cancel(frame.attempt_id)
                case Kind.RECEIPT_ACK:
                    settled = protocol.read_settled(frame.payload)
                    await self._jobs.forget_receipts(settled)
                    for uid in settled:
                        self._sent.pop(uid, None)
                    self._acknowledged.set()
                case Kind.DRAIN:
                    self._heed_drain(protocol.read_drain(frame.payload))
                case Kind.ERROR:
                    code, text = protocol.read_refusal(frame.payload)
                    log.warning("relay reports an error", extra={"code": code, "reason": text})
                case Kind.REFUSED:
                    self._heed_refusal(frame)
                case _:
                    raise protocol.FrameRefused(f"a relay does not send {frame.kind.name}")

    def _heed_drain(self, reason: str) -> None:
        if reason in ("takeover", "token_ended"):
            log.info("asked to leave", extra={"reason": reason})
            self._leaving = reason
            self.stop()
        else:
            log.info("relay is leaving")

    async def _beat(self, send: Send, *, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            control = {
                "energy": self._meter.reading(now_ns=time.monotonic_ns()).as_control(),
                "running": self._jobs.running,
                "models": self._models,
                "lost": self._lost,
            }
            await send(protocol.encode_control(Kind.HEARTBEAT, control))

    async def _resend(self, send: Send) -> None:
        """Send what the journal holds; what was sent is given time before it is sent again."""
        while True:
            now = time.monotonic()
            pending = await self._jobs.pending_receipts(limit=RESEND_MAX)
            for _, receipt in pending:
                if now - self._sent.get(receipt.attempt_uid, -RESEND_SECONDS) >= RESEND_SECONDS:
                    self._sent[receipt.attempt_uid] = now
                    await send(protocol.encode_control(Kind.RECEIPT, receipt.as_control()))
            self._acknowledged.clear()
            try:
                async with asyncio.timeout(RESEND_SECONDS):
                    if len(pending) < RESEND_MAX:
                        await asyncio.Event().wait()
                    await self._acknowledged.wait()
            except TimeoutError:
                continue


def _raise_if_final(error: Exception) -> None:
    """:raises AgentStopped: the handshake was answered with a status that trying again will not change"""
    if not isinstance(error, InvalidStatus):
        return
    status = error.response.status_code
    if status in (401, 403):
        raise AgentStopped(Exit.TOKEN_REFUSED, "the relay does not accept this token (wrong or revoked)")
    if status in (404, 426):
        raise AgentStopped(Exit.PROTOCOL_REFUSED, f"there is no relay at this address (HTTP {status})")
