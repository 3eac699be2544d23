"""Buyers who stream through the unmodified openai SDK and count what reaches them."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import openai
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionMessageParam

from tests.faults.plant import WAIT_SECONDS_MAX, wait_until
from tests.faults.seed import MODEL

QUESTION: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What makes electricity cheap at noon, and dear at night?"}
]
METADATA = {"x-jouleport-metadata": "enabled"}


@dataclass(slots=True)
class Answer:
    """What one buyer saw so far. `deltas` are chunks with content; `job` is the exchange's name for it."""

    job: str = ""
    site: str = ""
    deltas: int = 0
    finish: str | None = None
    usage: CompletionUsage | None = None
    error: openai.OpenAIError | None = None
    left: bool = False
    asked_at: float = field(default_factory=time.monotonic)
    last_at: float = 0.0
    ended_at: float = 0.0
    future: Future[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return bool(self.ended_at)

    @property
    def whole(self) -> bool:
        """Whether it ended as it should: finished, with usage, without an error."""
        return self.finish in ("stop", "length") and self.usage is not None and self.error is None

    @property
    def said_in_band(self) -> bool:
        """Whether the stream itself told of an error, in its own words, instead of breaking off."""
        return type(self.error) is openai.APIError

    @property
    def code(self) -> str | None:
        """The code of the error, if the exchange named one."""
        return self.error.code if isinstance(self.error, openai.APIError) else None

    @property
    def cost(self) -> str | None:
        """What the answer says it cost."""
        extra = (self.usage.model_extra if self.usage else None) or {}
        return extra.get("cost_amount")


def list_broken(answers: Iterable[Answer]) -> list[Answer]:
    """Those that did not end as they should."""
    return [answer for answer in answers if not answer.whole]


class Crowd:
    """Many buyers with one key, in a thread of their own, so that a test may kill things meanwhile."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.answers: list[Answer] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self._client = self._call(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        for answer in self.answers:
            if answer.future is not None:
                answer.future.cancel()
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_SECONDS_MAX)

    async def _open(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(
            base_url=f"{self._url}/v1", api_key=self._key, max_retries=0, timeout=WAIT_SECONDS_MAX
        )

    async def _close(self) -> None:
        await asyncio.sleep(0)
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()
        await self._loop.shutdown_asyncgens()

    def ask(
        self, count: int = 1, *, tokens: int, leave_after: int | None = None, **options: Any
    ) -> list[Answer]:
        """Ask for streams of this many tokens. `leave_after`: hang up once so many deltas have come."""
        asked = [Answer() for _ in range(count)]
        for answer in asked:
            work = self._run(answer, tokens=tokens, leave_after=leave_after, options=options)
            answer.future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self.answers += asked
        return asked

    async def _run(
        self, answer: Answer, *, tokens: int, leave_after: int | None, options: dict[str, Any]
    ) -> None:
        try:
            stream = await self._client.chat.completions.create(
                model=MODEL,
                messages=QUESTION,
                max_tokens=tokens,
                stream=True,
                stream_options={"include_usage": True},
                **options,
            )
            async with stream:
                answer.job = stream.response.headers["x-jouleport-job"]
                answer.site = stream.response.headers["x-jouleport-site"]
                async for chunk in stream:
                    answer.last_at = time.monotonic()
                    answer.usage = chunk.usage or answer.usage
                    for choice in chunk.choices:
                        answer.deltas += bool(choice.delta.content)
                        answer.finish = choice.finish_reason or answer.finish
                    if leave_after is not None and answer.deltas >= leave_after:
                        answer.left = True
                        return
        except openai.OpenAIError as error:
            answer.error = error
        finally:
            answer.ended_at = time.monotonic()

    def ask_plainly(self, *, tokens: int = 2, **options: Any) -> Answer:
        """Ask for an answer in one piece, and wait for it."""
        answer = Answer()
        self.answers.append(answer)
        self._call(self._run_plain(answer, tokens=tokens, options=options))
        return answer

    def ask_for_one_piece(self, *, tokens: int) -> Answer:
        """Ask for an answer in one piece, and go on."""
        answer = Answer()
        work = self._run_plain(answer, tokens=tokens, options={})
        answer.future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self.answers.append(answer)
        return answer

    async def _run_plain(self, answer: Answer, *, tokens: int, options: dict[str, Any]) -> None:
        try:
            raw = await self._client.chat.completions.with_raw_response.create(
                model=MODEL,
                messages=QUESTION,
                max_tokens=tokens,
                **options,
            )
            completion = raw.parse()
            answer.job, answer.site = raw.headers["x-jouleport-job"], raw.headers["x-jouleport-site"]
            [choice] = completion.choices
            # One word is one token of the simulated model.
            answer.deltas = len((choice.message.content or "").split())
            answer.finish, answer.usage = choice.finish_reason, completion.usage
        except openai.OpenAIError as error:
            answer.error = error
        finally:
            answer.ended_at = time.monotonic()

    def wait_served(self) -> Answer:
        """Ask until an answer comes."""
        answers: list[Answer] = []

        def ask() -> bool:
            answers.append(self.ask_plainly())
            return answers[-1].whole

        wait_until(ask, what="a request is served")
        return answers[-1]

    def leave(self, answer: Answer) -> None:
        """Hang up."""
        answer.left = True
        if answer.future is not None:
            answer.future.cancel()

    def wait_begun(self, answers: Sequence[Answer], *, deltas: int = 1) -> None:
        """Wait until each has had this many deltas, or has ended."""
        wait_until(
            lambda: all(answer.deltas >= deltas or answer.ended for answer in answers),
            what=f"{len(answers)} streams have {deltas} deltas",
        )

    def wait_ended(self, answers: Sequence[Answer], *, seconds: float = WAIT_SECONDS_MAX) -> None:
        """Wait until nothing more comes to any of them; raise what went wrong in a buyer."""
        wait_until(
            lambda: all(answer.ended for answer in answers), what="every stream has ended", seconds=seconds
        )
        for answer in answers:
            if answer.future is not None and not answer.left:
                with suppress(TimeoutError):
                    answer.future.result(5)


def is_serving(url: str, key: str) -> bool:
    """Whether a gateway knows of every seller and answers."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=30) as client:
        try:
            answer = client.chat.completions.create(
                model=MODEL,
                messages=QUESTION,
                max_tokens=1,
                extra_headers=METADATA,
            )
        except openai.OpenAIError:
            return False
    told = (answer.model_extra or {})["jouleport"]
    return all(candidate["excluded_by"] is None for candidate in told["candidates"])
