"""Jobs: a request is matched, admitted, and placed on one candidate after the other until one can run it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from core import idempotency, ids, tracing
from gateway import models, refusals, requests
from gateway.admission import Admissions, Asked, Verdict
from gateway.attempts import Attempt
from gateway.book import BookKeeper
from gateway.database import DatabaseAway, DatabaseBusy
from gateway.errors import ApiError, invalid, unavailable
from gateway.explanations import Explainer
from gateway.keys import Key, Keys
from gateway.leases import Leases
from marketplace import matching
from marketplace.listings import Listing
from marketplace.matching import Match, Reason
from workers.bodies import ModelRequest
from workers.metering import InputBounds, Limits

# What a request is expected to use when it is compared: four bytes a token, and answers of this length.
EXPECTED_BYTES_PER_TOKEN = 4
EXPECTED_OUTPUT_TOKENS = 256
PLACINGS_MAX = 4
# Deferred jobs, which claim the same keys, have another door.
DOOR = "/v1"
# Reasons that pass by themselves: somebody connects, a slot becomes free, a card begins.
PASSING = frozenset(
    {
        Reason.NOT_CONNECTED,
        Reason.NO_SLOT,
        Reason.MODEL,
        Reason.CARD_MISSING,
        Reason.WITHDRAWN,
        Reason.FALLBACKS,
    }
)


class Terms(NamedTuple):
    """What is settled before admission: who could run it, and what its hold has to cover."""

    request: ModelRequest
    match: Match
    prompt: InputBounds
    # Tokens that each choice may have.
    limit: int
    # Who was chosen, and why the others were not: JSON.
    explanation: str


class Job:
    """An admitted request with the candidates that are left."""

    def __init__(self, *, uid: UUID, job_id: int, key: Key, terms: Terms) -> None:
        self.uid = uid
        self.uid_text = str(uid)
        self.job_id = job_id
        self.key = key
        self.request, self.match, self.prompt, self.limit, self.explanation = terms
        self.attempts = 1
        self._left = [candidate.listing for candidate in terms.match.candidates[1:]]

    @property
    def limits(self) -> Limits:
        """What the hold covers."""
        return Limits(self.prompt, self.limit * self.request.choices, self.request.echo)

    def next_listing(self) -> Listing | None:
        """Take the next candidate."""
        return self._left.pop(0) if self._left else None

    def write_body(self, listing: Listing) -> bytes:
        """The body for a candidate: what the hold covers, and not more than its cap."""
        limit = min(self.limit, listing.max_output_cap)
        return self.request.write_body(model=listing.upstream_model, tokens_out=limit)

    def write_metadata(self) -> bytes:
        """Who was chosen, and why the others were not."""
        return self.explanation.encode()


class Jobs:
    """Places jobs. Nothing here outlives a request."""

    def __init__(
        self, *, keeper: BookKeeper, admissions: Admissions, keys: Keys, leases: Leases, attempts_max: int
    ) -> None:
        self._keeper = keeper
        self._admissions = admissions
        self._keys = keys
        self._leases = leases
        self._attempts_max = attempts_max
        self._running = keeper.running
        # By whether test keys ask: each remembers the offers of one book.
        self._explainers = {False: Explainer(), True: Explainer()}

    async def place(
        self, *, key: Key, request: ModelRequest, body: bytes, idempotency_key: str | None, uid: UUID | None
    ) -> tuple[Job, Attempt]:
        """
        Match and admit a request, and open its first attempt. `uid` becomes the job's; without, it gets one.

        :raises ApiError: it may not run, cannot run now, or must not run again
        """
        if not key.currencies:
            raise refusals.refuse_no_wallet(test=key.is_test)
        claim, body_hash = None, None
        if idempotency_key is not None:
            claim = _name_claim(idempotency_key, key)
            body_hash = idempotency.hash_body(body=body, door=DOOR)
        refused: frozenset[int] = frozenset()
        for _ in range(PLACINGS_MAX):
            with tracing.span("match"):
                terms = self._settle(key, request, refused)
            asked = _ask(key, terms, uid or ids.make_uid(), claim, body_hash)
            try:
                with tracing.span("admit") as step:
                    verdict = await self._admissions.admit(asked)
                    step.note("verdict", verdict.verdict)
            except DatabaseAway:
                raise unavailable("Requests cannot be admitted at the moment; nothing was started.") from None
            if verdict.verdict == "ok":
                return self._open(asked, verdict, key, terms)
            if verdict.verdict == "offer_withdrawn":
                refused |= {asked.offer_id}
            elif verdict.verdict == "card_stale":
                await self._refresh_book()
            else:
                raise self._refuse(verdict, key)
        raise unavailable("Prices are changing at this moment; please try again.")

    def _settle(self, key: Key, request: ModelRequest, refused: frozenset[int]) -> Terms:
        book = self._keeper.book.get_side(test=key.is_test)
        offered = {slug: book.list_listings(slug) for slug in request.routing.models}
        slugs = tuple(slug for slug, listings in offered.items() if listings)
        if not slugs:
            raise models.refuse_model(request.routing.models[0], test=key.is_test)
        # A model has one context length, whoever offers it; the longest of the models asked for decides.
        context = max(offered[slug][0].context_length for slug in slugs)
        prompt = requests.bound_prompt(request, context_length=context)
        requests.choose_limit(request, context_length=context, default=1, cap=context)
        each = EXPECTED_OUTPUT_TOKENS if request.limit is None else min(request.limit, EXPECTED_OUTPUT_TOKENS)
        wanted = matching.Request(
            models=slugs,
            currencies=key.currencies + key.exchanged,
            input_tokens=request.text_bytes // EXPECTED_BYTES_PER_TOKEN + request.tokens,
            output_tokens=each * request.choices,
            input_tokens_min=min(request.longest, context),
            preferences=request.routing.preferences,
            refused=refused,
            endpoint=request.endpoint,
            rates=key.rates,
        )
        match = matching.match(book, wanted, now=datetime.now(UTC))
        if not match.candidates:
            raise explain_no_candidate(match, prompt_field=request.prompt_field)
        listing = match.candidates[0].listing
        limit = requests.choose_limit(
            request, context_length=context, default=listing.max_output_default, cap=listing.max_output_cap
        )
        return Terms(request, match, prompt, limit, self._explainers[key.is_test].explain(match))

    def _open(self, asked: Asked, verdict: Verdict, key: Key, terms: Terms) -> tuple[Job, Attempt]:
        if verdict.job_id is None or verdict.attempt_id is None:
            raise ValueError("an admitted online job has an attempt")
        job = Job(uid=asked.job_uid, job_id=verdict.job_id, key=key, terms=terms)
        listing = terms.match.candidates[0].listing
        return job, self._begin(verdict.attempt_id, asked.attempt_uid, asked.receipt_uid, listing, 1)

    def _begin(self, attempt_id: int, uid: UUID, receipt_uid: UUID, listing: Listing, number: int) -> Attempt:
        attempt = Attempt(
            attempt_id=attempt_id,
            uid=uid,
            receipt_uid=receipt_uid,
            listing=listing,
            number=number,
            running=self._running,
        )
        self._leases.add(attempt)
        return attempt

    async def place_again(self, job: Job, failed: Attempt, *, code: str) -> Attempt | None:
        """
        Open the next attempt on the next candidate that takes it; None when there is none.

        :raises ApiError: PostgreSQL cannot say; what it opened after all is swept when its lease ends
        """
        while job.attempts < self._attempts_max and (listing := job.next_listing()) is not None:
            uid, receipt_uid = ids.make_uid(), ids.make_uid()
            try:
                verdict, attempt_id = await self._admissions.reattempt(
                    job_id=job.job_id,
                    attempt_id=failed.attempt_id,
                    error_code=code,
                    offer_id=listing.offer_id,
                    card_id=listing.card_id or 0,
                    node_id=listing.node_id,
                    attempt_uid=uid,
                    receipt_uid=receipt_uid,
                )
            except (DatabaseAway, DatabaseBusy):
                message = "Another provider cannot be asked at the moment; nothing was charged."
                raise unavailable(message) from None
            if verdict == "fenced":
                return None
            if verdict == "ok" and attempt_id is not None:
                job.attempts += 1
                self._leases.remove(failed)
                return self._begin(attempt_id, uid, receipt_uid, listing, job.attempts)
        return None

    async def _refresh_book(self) -> None:
        try:
            await self._keeper.refresh()
        except (DatabaseAway, DatabaseBusy):
            raise unavailable("Prices cannot be read at the moment; nothing was started.") from None

    def _refuse(self, verdict: Verdict, key: Key) -> ApiError:
        """The answer to a verdict other than ok."""
        match verdict.verdict:
            case "key_revoked":
                self._keys.forget_key(key)
                return ApiError(401, "invalid_api_key", "This API key is not valid.", retry=False)
            case word if word in refusals.FUNDS:
                return refusals.refuse_funds(word, verdict.detail)
            case "no_wallet" | "currency_mismatch" as code:
                message = "No wallet in this offer's currency, and none from whose currency there is a rate."
                return ApiError(402, code, message, retry=False)
            case "duplicate":
                message = "This Idempotency-Key was used before; answers are not kept, so it is not repeated."
                return ApiError(
                    409, "duplicate_request", message, retry=False, details={"job_id": verdict.detail}
                )
            case "key_reused":
                message = "This Idempotency-Key was used before for another request."
                return ApiError(
                    409, "idempotency_key_reused", message, retry=False, details={"job_id": verdict.detail}
                )
            case "busy":
                return unavailable("This wallet is very busy; please try again.", code="wallet_busy")
            case _:
                return unavailable("Admission was interrupted; nothing was started.")


def _ask(key: Key, terms: Terms, uid: UUID, claim: str | None, body_hash: bytes | None) -> Asked:
    listing = terms.match.candidates[0].listing
    if listing.card_id is None:
        raise ValueError("an offer without a price card is never matched")
    return Asked(
        key_id=key.key_id,
        organization_id=key.organization_id,
        model_id=listing.model_id,
        offer_id=listing.offer_id,
        card_id=listing.card_id,
        node_id=listing.node_id,
        in_bound=terms.prompt.high,
        out_bound=terms.limit * terms.request.choices,
        job_uid=uid,
        attempt_uid=ids.make_uid(),
        receipt_uid=ids.make_uid(),
        idempotency_key=claim,
        body_hash=body_hash,
        matched=terms.explanation,
    )


def _name_claim(idempotency_key: str, key: Key) -> str:
    if not idempotency.is_key(idempotency_key):
        raise invalid(f"Idempotency-Key must have {idempotency.RULE}.", param="Idempotency-Key")
    return idempotency.name_claim(key=idempotency_key, test=key.is_test)


def _refuse_repeat(code: str, message: str, verdict: Verdict) -> ApiError:
    return ApiError(409, code, message, retry=False, details={"job_id": verdict.detail})


def explain_no_candidate(match: Match, *, prompt_field: str = "messages") -> ApiError:
    """Why nobody can run it: nobody now, nobody for this wallet, or nobody under these preferences."""
    excluded = match.count_excluded()
    details = {"excluded": {str(reason): count for reason, count in excluded.items()}}
    if excluded.keys() == {Reason.ENDPOINT}:
        return models.refuse_endpoint(match, details=details)
    if Reason.NO_SLOT in excluded:
        message = "All providers of this model are busy."
        return ApiError(429, "capacity_exhausted", message, retry=True, retry_after=1, details=details)
    if excluded.keys() & PASSING:
        message = "No provider of this model is connected at the moment."
        return ApiError(503, "temporarily_unavailable", message, retry=True, retry_after=2, details=details)
    if excluded.keys() == {Reason.CURRENCY}:
        message = "This model is only offered in currencies in which you have no wallet, nor one with a rate."
        return ApiError(402, "currency_mismatch", message, retry=False, details=details)
    if excluded.keys() == {Reason.CONTEXT_LENGTH}:
        message = "The prompt is longer than the context of these models."
        return ApiError(
            400, "context_length_exceeded", message, param=prompt_field, retry=False, details=details
        )
    message = "No offer of this model fits the preferences of this request."
    return ApiError(404, "no_endpoints", message, param="provider", retry=False, details=details)
