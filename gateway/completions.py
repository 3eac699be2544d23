"""Plain answers: read whole, counted, recorded, and only then sent."""

from __future__ import annotations

import time
from typing import NamedTuple

import msgspec

from gateway import answers
from gateway.attempts import Attempt, AttemptFailed, make_error
from gateway.database import DatabaseAway
from gateway.doors import Door
from gateway.errors import ApiError
from gateway.jobs import Job
from gateway.recording import Billed, Failed, Used
from gateway.runtime import Runtime
from workers.upstream.connection import Response, UpstreamError
from workers.upstream.framing import HEADER, FrameReader, Meter, MeterRefused

_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Completion(NamedTuple):
    """A plain answer ready to be sent, and what it came to."""

    body: bytes
    billed: Billed
    finish_reason: str | None


async def complete(
    runtime: Runtime, job: Job, attempt: Attempt, response: Response, *, door: Door, with_metadata: bool
) -> Completion:
    """
    Read a node's plain answer, record what it used and write the buyer's.

    :raises AttemptFailed: the answer is not whole or cannot be read; nothing was charged
    :raises BuyerGone: nobody is there to read it; nothing was charged
    :raises ApiError: the record could not be written in time
    """
    body, meter = await _read_body(attempt, response, limit=runtime.settings.answer_bytes_max)
    attempt.came_at = time.monotonic()
    try:
        if not body.isascii():
            # What is not looked into is passed on as it came, and must be readable as well.
            body.decode()
        counted = door.count(body, job.request, job.limits)
        fields = _fields_decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise AttemptFailed("upstream_garbage", make_error("upstream_garbage")) from error
    if attempt.stop_reason:
        raise attempt.explain(RuntimeError(attempt.stop_reason))
    usage = attempt.measure(meter)
    runtime.leases.remove(attempt)
    if counted.answered:
        used = Used(attempt.attempt_id, counted.used, *usage, "complete", "SUCCEEDED")
        try:
            recorded = await runtime.recorder.settle(used)
        except DatabaseAway:
            message = "Whether this request was charged is not known yet; it was not delivered."
            details = {"job_id": job.uid_text}
            raise ApiError(503, "not_recorded", message, retry=False, details=details) from None
        if recorded is None:
            message = "The usage of this request could not be recorded; it was neither delivered nor charged."
            raise ApiError(503, "not_recorded", message, retry=True)
        billed = recorded
    else:
        billed = Billed("ok")
        await runtime.recorder.fail(Failed(attempt.attempt_id, "empty", "SUCCEEDED"))
    written = answers.write_completion(
        fields,
        model=attempt.listing.model_slug,
        usage=answers.write_usage(
            billed,
            receipt_uid=attempt.receipt,
            job_uid=job.uid_text,
            chip_seconds=usage.chip_seconds,
            tier=usage.tier,
            attribution=usage.attribution,
            currency=attempt.listing.currency,
            writes=door.writes,
        ),
        metadata=job.write_metadata() if with_metadata else None,
    )
    return Completion(written, billed, counted.finish_reason)


async def _read_body(attempt: Attempt, response: Response, *, limit: int) -> tuple[bytes, Meter | None]:
    frames = FrameReader(framed=HEADER in response.headers)
    try:
        body = frames.feed(await response.read(limit=limit))
        meter = frames.finish()
    except (UpstreamError, MeterRefused) as error:
        raise attempt.explain(error) from error
    if meter is not None and not meter.complete:
        raise AttemptFailed("upstream_broken", make_error("upstream_broken"))
    return body, meter
