"""Deferred jobs: submitted and paid for now, run later by the dispatcher, read when they are done."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from psycopg import errors

from accounts import access
from accounts.models import ApiKey, KeyMode, Organization
from billing import wallets
from billing.fx import paying
from billing.fx.paying import Purse
from core import idempotency, ids
from core.errors import DomainError, Invalid, NotFound
from core.money import Money
from marketplace.book import Book
from marketplace.models import Job
from workers import answers, deferral, footprints, funds
from workers.answers import Bill, Conversion, Slack
from workers.blobs import BlobMissing, BlobStore, BlobUnreadable
from workers.bodies import ModelRequest
from workers.deferral import Terms
from workers.footprints import Footprint

CHANNEL = "jouleport_jobs"
DEADLINE_DEFAULT = timedelta(hours=24)
DEADLINE_MAX = timedelta(days=7)
# How long the request is kept past its deadline, and the answer past the submission.
REQUEST_KEPT = timedelta(days=1)
BODY_BYTES_MAX = 8 * 1024 * 1024
# How long a repeated key is told which job it was.
CLAIMS_KEPT = timedelta(days=30)
FORGET_MAX = 10_000
PLACINGS_MAX = 4
DESCRIBED_MAX = 8

logger = logging.getLogger(__name__)


class DeadlineRefused(Invalid):
    """In the past, or too far away."""

    code = "invalid_deadline"


class BodyTooLarge(DomainError):
    """More than one request may hold."""

    status = 413
    code = "payload_too_large"


class NotDeferred(DomainError):
    """An online job ends with the connection of whoever asked for it."""

    code = "job_is_online"
    message = "An online request ends when its connection is closed."


class KeyRevoked(DomainError):
    """The key ended in this moment."""

    status = 401
    code = "invalid_api_key"
    message = "This key is not valid."


class IdempotencyKeyReused(Invalid):
    """The key belongs to another request."""

    code = "idempotency_key_reused"
    message = "This Idempotency-Key was used for another request."


class WalletBusy(DomainError):
    """Somebody else holds the wallet's lock."""

    status = 503
    code = "wallet_busy"
    message = "This wallet is very busy; please try again."


class PricesChanging(DomainError):
    """Each price that was found was gone when it was to be used."""

    status = 503
    code = "temporarily_unavailable"
    message = "Prices are changing at this moment; please try again."


REFUSALS: dict[str, type[DomainError]] = {
    **{kind.code: kind for kind in funds.REFUSALS},
    "currency_mismatch": deferral.NoCurrency,
    "key_revoked": KeyRevoked,
    "key_reused": IdempotencyKeyReused,
    "busy": WalletBusy,
}


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that waits to be run; `is_new` is false for a repeat under the same idempotency key."""

    uid: UUID
    is_new: bool


def submit_job(
    *,
    organization: Organization,
    api_key: ApiKey,
    body: bytes,
    now: datetime,
    store: BlobStore,
    deadline: datetime | None = None,
    idempotency_key: str | None = None,
) -> Submission:
    """
    Take a chat request that may run until `deadline`; its money is held from now on.

    :param body: what `/v1/chat/completions` takes, without `stream`
    :raises core.errors.DomainError: for every refusal above, and those of `workers.deferral`
    """
    deadline = deadline or now + DEADLINE_DEFAULT
    if not now < deadline <= now + DEADLINE_MAX:
        raise DeadlineRefused(f"A deadline lies within the next {DEADLINE_MAX.days} days.")
    if len(body) > BODY_BYTES_MAX:
        raise BodyTooLarge(f"A request has at most {BODY_BYTES_MAX} bytes.")
    if idempotency_key is not None and not idempotency.is_key(idempotency_key):
        raise Invalid(f"An Idempotency-Key has {idempotency.RULE}.")
    request = deferral.read_deferred(body)
    is_test = api_key.mode == KeyMode.TEST
    mine = [one for one in wallets.list_wallets(organization_id=organization.pk) if one.is_test == is_test]
    if not mine:
        raise funds.NoWallet
    purse = paying.open_purse(wallets=mine, now=now)
    uid = ids.make_uid()
    # Before admission: a job whose text is lost could never run, a text without a job only expires.
    blob = store.write(f"{uid}.request", body, expires_at=deadline + REQUEST_KEPT)
    try:
        with transaction.atomic():
            first = _admit(organization, api_key, request, purse, uid, idempotency_key, body, now, deadline)
            if first is None:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT attach_blobs_v1(%s, %s, NULL, %s)", [uid, blob, deadline])
                    cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
                return Submission(uid, is_new=True)
    except DomainError:
        store.delete(blob)
        raise
    store.delete(blob)
    return Submission(first, is_new=False)


def _admit(
    organization: Organization,
    api_key: ApiKey,
    request: ModelRequest,
    purse: Purse,
    uid: UUID,
    idempotency_key: str | None,
    body: bytes,
    now: datetime,
    deadline: datetime,
) -> UUID | None:
    """
    Admit it under a card that is in force, or under one that will be in time; gives the first job's uid if
    this is a repeat.
    """
    refused: frozenset[int] = frozenset()
    for _ in range(PLACINGS_MAX):
        book = deferral.assume_presence(
            _load_slack_book(deadline, now).get_side(test=api_key.mode == KeyMode.TEST)
        )
        wanted: dict[str, Any] = {"currencies": purse.payable, "rates": purse.rates, "refused": refused}
        try:
            terms = deferral.settle_terms(book, request, now=now, **wanted)
        except deferral.NoOffer:
            upcoming = _fetch("SELECT * FROM upcoming_cards_v1(%s)", [deadline])
            if not upcoming:
                raise
            book = deferral.await_cards(book, upcoming, now=now)
            terms = deferral.settle_terms(book, request, now=now, **wanted)
        verdict, detail = _call_admit(organization, api_key, request, terms, uid, idempotency_key, body)
        if verdict == "ok":
            return None
        if verdict == "duplicate":
            return UUID(detail)
        if verdict == "offer_withdrawn":
            refused |= {terms.match.candidates[0].listing.offer_id}
        elif verdict in REFUSALS:
            raise REFUSALS[verdict](**funds.read_scope(detail))
        elif verdict != "card_stale":
            raise RuntimeError(f"admit_v1 answered {verdict}")
    raise PricesChanging


def _call_admit(
    organization: Organization,
    api_key: ApiKey,
    request: ModelRequest,
    terms: Terms,
    uid: UUID,
    idempotency_key: str | None,
    body: bytes,
) -> tuple[str, str]:
    listing = terms.match.candidates[0].listing
    is_test = api_key.mode == KeyMode.TEST
    claim = None if idempotency_key is None else idempotency.name_claim(key=idempotency_key, test=is_test)
    matched = msgspec.json.encode(terms.match.describe(limit=DESCRIBED_MAX)).decode()
    values: list[Any] = [
        [api_key.pk],
        [organization.pk],
        [listing.model_id],
        [listing.offer_id],
        [listing.card_id],
        [terms.prompt.high],
        [terms.limit * request.choices],
        [uid],
        [claim],
        [idempotency.hash_body(body=body)],
        [matched],
    ]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT verdict, detail FROM admit_v1(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
                " %s::bigint[], ARRAY[NULL]::bigint[], %s::bigint[], %s::bigint[], %s::uuid[],"
                " ARRAY[NULL]::uuid[], ARRAY[NULL]::uuid[], %s::text[], %s::bytea[], %s::jsonb[], true)",
                values,
            )
            verdict, detail = cursor.fetchone()
    except OperationalError as error:
        if isinstance(error.__cause__, errors.LockNotAvailable | errors.DeadlockDetected):
            raise WalletBusy from error
        raise
    return verdict, detail or ""


def load_book() -> Book:
    """The book of offers as it is now, with no node connected."""
    return Book.from_rows(_fetch("SELECT * FROM book_v2()"))


def _load_slack_book(deadline: datetime, now: datetime) -> Book:
    slack = deferral.SlackBook(load_book(), _fetch("SELECT * FROM slack_cards_v1()"))
    return slack.get_book(hours=deferral.find_slack(deadline=deadline, now=now))


def _fetch(query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def find_job(*, organization: Organization, uid: UUID | str) -> Job:
    """
    The organization's job with this uid.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    return access.find_owned(_with_places(), organization=organization, uid=uid)


def list_jobs(*, organization: Organization) -> QuerySet[Job]:
    """The organization's jobs with their models and offers, newest first."""
    return _with_places().filter(organization=organization).order_by("-id")


def _with_places() -> QuerySet[Job]:
    return Job.objects.select_related("model", "offer__site", "offer__organization")


def forget_claims(*, now: datetime) -> int:
    """Forget the Idempotency-Keys of jobs claimed longer ago than CLAIMS_KEPT; gives how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT forget_claims_v1(%s, %s)", [now - CLAIMS_KEPT, FORGET_MAX])
        return int(cursor.fetchone()[0])


def cancel_job(*, organization: Organization, uid: UUID, store: BlobStore) -> Job:
    """
    Ask for a deferred job's end: a queued one ends now, a running one within seconds; a finished one stays.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    :raises NotDeferred: if its buyer waits for it on an open connection
    """
    if find_job(organization=organization, uid=uid).kind != Job.Kind.DEFERRED:
        raise NotDeferred
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT cancel_job_v1(%s, %s)", [organization.pk, uid])
        state = cursor.fetchone()[0]
    if state is None:
        raise NotFound
    job = find_job(organization=organization, uid=uid)
    if job.state == Job.State.CANCELLED and job.request_blob:
        store.delete(job.request_blob)
    return job


BILL = """
SELECT sum(u.billed_in)::bigint, sum(u.billed_cached)::bigint, sum(u.billed_out)::bigint,
       sum(c.amount), min(c.currency), sum(c.amount - c.fee + c.overrun),
       sum(u.chip_seconds),
       -- Nobody signs for an address of a provider's own.
       min(CASE WHEN d.id IS NULL THEN a.receipt_uid::text END),
       max(k.slack_hours),
       -- In the wallet's currency, as the cost.
       sum(round_half_even(price_v1(u.billed_in, u.billed_cached, u.billed_out, u.chip_seconds,
                                    w.input_price, w.cached_input_price, w.output_price, w.chip_second_price)
                           * coalesce(q.rate, 1), 9) - c.rated),
       sum(g.amount), min(v.currency), sum(v.amount), min(q.rate)
  FROM attempt a JOIN usage_record u ON u.attempt_id = a.id JOIN charge c ON c.usage_id = u.id
  JOIN price_card k ON k.id = a.card_id
  LEFT JOIN price_card w ON w.offer_id = k.offer_id AND w.number = k.of_number
  LEFT JOIN give_back g ON g.usage_id = u.id
  LEFT JOIN charge_conversion v ON v.usage_id = u.id
  LEFT JOIN fx_quote q ON q.id = v.quote_id
  LEFT JOIN direct_upstream d
    ON d.node_id = a.node_id AND d.state = 'ADMITTED' AND d.decided_at <= a.started_at
 WHERE a.id = %s
"""
FOOTPRINT = f"SELECT {', '.join(footprints.COLUMNS)} FROM answer_energy_v1(%s)"  # noqa: S608 - constants


def find_bill(*, job: Job) -> Bill | None:
    """What the job was charged for; None if nothing was."""
    if job.billable_attempt_id is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(BILL, [job.billable_attempt_id])
        row = cursor.fetchone()
        cursor.execute(FOOTPRINT, [job.billable_attempt_id])
        footprint = Footprint(*cursor.fetchone())
    return Bill(
        tokens_in=row[0],
        cached=row[1],
        tokens_out=row[2],
        cost=Money(row[3], row[4]),
        provider_amount=row[5],
        chip_seconds=row[6],
        footprint=footprint,
        receipt_uid=None if row[7] is None else UUID(row[7]),
        job_uid=job.uid,
        slack=None if row[9] is None else Slack(row[8], row[9]),
        given_back=row[10],
        conversion=None if row[11] is None else Conversion(Money(row[12], row[11]), row[13]),
    )


def read_answer(*, job: Job, bill: Bill | None, store: BlobStore, now: datetime) -> bytes | None:
    """The chat completion of a deferred job, with its usage; None before it is done and after it expired."""
    if job.answer_blob is None or bill is None:
        return None
    try:
        answer = store.read(job.answer_blob, now=now)
    except BlobMissing:
        return None
    except BlobUnreadable:
        logger.exception("Unable to read the answer of job %s", job.uid)
        return None
    return answers.write_completion(answer, model=job.model.slug, usage=answers.write_usage(bill))


def end_overdue(*, now: datetime, store: BlobStore, limit: int = 500) -> int:
    """
    End queued jobs that can never run: past their deadline, or cancelled while they were going back to the
    queue. Gives how many.
    """
    queued = Job.objects.filter(state=Job.State.QUEUED).order_by("id")
    overdue = list(queued.filter(deadline_at__lte=now)[:limit])
    cancelled = list(queued.filter(cancel_requested_at__isnull=False).select_related("organization")[:limit])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT fail_queued_v1(%s::bigint[], 'deadline_passed')", [[job.pk for job in overdue]]
        )
        for job in cancelled:
            cursor.execute("SELECT cancel_job_v1(%s, %s)", [job.organization_id, job.uid])
    for job in (*overdue, *cancelled):
        if job.request_blob and Job.objects.filter(pk=job.pk, finished_at__isnull=False).exists():
            store.delete(job.request_blob)
    return len(overdue) + len(cancelled)
