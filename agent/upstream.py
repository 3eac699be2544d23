"""The model server beside the agent: which models it has, and one attempt's request to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from agent.protocol import MODELS_MAX, NAME_LENGTH_MAX

CONNECT_SECONDS_MAX = 5.0
# A plain answer sends nothing until it is complete; the relay gives up before this does.
READ_SECONDS_MAX = 900.0
MODELS_SECONDS_MAX = 5.0

# What a market may ask of the model server. Everything else it offers (metrics, slots, its own
# administration) is none of the market's business.
PATHS = frozenset({"/chat/completions", "/completions", "/embeddings", "/responses", "/messages"})
REQUEST_HEADERS = frozenset({"content-type", "accept"})
RESPONSE_HEADERS = ("content-type", "retry-after", "retry-after-ms")


class UpstreamLost(Exception):
    """The model server did not answer, or stopped. `outcome` is what END will say."""

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


class Upstream:
    """
    One model server with an OpenAI-like API.

    Every request has a connection of its own: llama.cpp closes the connection after a stream while
    it advertises keep-alive, and a reused one then fails. On the same machine a connection costs less
    than a retry.
    """

    def __init__(self, *, url: str, key: str | None) -> None:
        self._client = httpx.AsyncClient(
            headers={"authorization": f"Bearer {key}"} if key else {},
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            timeout=httpx.Timeout(READ_SECONDS_MAX, connect=CONNECT_SECONDS_MAX),
            trust_env=False,
            follow_redirects=False,
        )
        self._url = url.rstrip("/")

    async def list_models(self) -> list[str]:
        """
        Ask for the models it serves.

        :raises UpstreamLost: no answer, or not a list of models
        """
        try:
            answer = await self._client.get(f"{self._url}/models", timeout=MODELS_SECONDS_MAX)
            answer.raise_for_status()
            names = [str(each["id"])[:NAME_LENGTH_MAX] for each in answer.json()["data"]]
        except httpx.HTTPError as error:
            raise UpstreamLost("upstream_unreachable", str(error) or type(error).__name__) from error
        except (ValueError, KeyError, TypeError) as error:
            raise UpstreamLost("upstream_broken", "GET /models gave no list of models") from error
        return [name for name in names if name][:MODELS_MAX]

    @asynccontextmanager
    async def send(
        self, *, path: str, headers: dict[str, str], body: bytes
    ) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[bytes]]]:
        """
        Post one request; the answer's bytes come as they arrive. Leaving closes the connection.

        :raises UpstreamLost: unreachable, silent, or broken in the middle
        """
        passed = {name: value for name, value in headers.items() if name.lower() in REQUEST_HEADERS}
        # Bytes are passed on unmodified, so they must not be compressed for this hop alone.
        passed["accept-encoding"] = "identity"
        try:
            async with self._client.stream(
                "POST", self._url + path, headers=passed, content=body
            ) as response:
                yield response, response.aiter_raw()
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise UpstreamLost("upstream_unreachable", "the model server cannot be reached") from error
        except httpx.TimeoutException as error:
            raise UpstreamLost("upstream_timeout", "the model server sent nothing for too long") from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise UpstreamLost("upstream_broken", "the model server broke off its answer") from error

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()


def choose_headers(headers: httpx.Headers) -> dict[str, str]:
    """Keep of an answer's headers what the relay may pass on."""
    return {name: headers[name][:1000] for name in RESPONSE_HEADERS if name in headers}
