"""Nodes and deferred jobs."""

import json
from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from django.http import HttpResponse
from django.utils import timezone
from msgspec import Raw
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import JSON, OrganizationView, render
from accounts.api.filters import Choice, Filters, Since, Uid, Until, Word
from accounts.api.schema import IDEMPOTENCY_HEADER, describe
from accounts.models import ApiKey
from core.errors import Forbidden, Invalid
from marketplace import sites
from marketplace.models import Job
from workers import answers, blobs, jobs, nodes
from workers.api.serializers import (
    JobAnswer,
    JobDetailAnswer,
    JobRequest,
    NewNodeAnswer,
    NodeAnswer,
    NodeRequest,
)
from workers.models import Node
from workers.nodes import Machine


class KeyNeeded(Forbidden):
    """A job is paid for by a key."""

    code = "key_needed"
    message = "Submit jobs with an API key: its limit is what the job is held against."


class NodeFilters(Filters):
    """What nodes can be narrowed by."""

    state = Choice(Node.State.values)
    site = Uid(field_name="site__uid")


class JobFilters(Filters):
    """What jobs can be narrowed by."""

    state = Choice(Job.State.values)
    kind = Choice(Job.Kind.values)
    model = Word(field_name="model__slug")
    key = Uid(field_name="api_key__uid", help_text="Which key pays.")
    since = Since("submitted_at")
    until = Until("submitted_at")


class NodeList(OrganizationView):
    """A provider's nodes."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_SITES}

    @describe("nodes_list", "Nodes", answer=NodeAnswer, paged=True, filters=NodeFilters)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = nodes.list_nodes(organization=self.caller().organization)
        return self.show_page(rows, NodeAnswer, filters=NodeFilters)

    @describe(
        "nodes_create",
        "Register a node",
        request=NodeRequest,
        answer=NewNodeAnswer,
        status=201,
        refusals=(409,),
    )
    def post(self, request: Request) -> HttpResponse:
        """Register one; its agent's token is shown this once."""
        wanted, caller = self.read(NodeRequest), self.caller()
        site = sites.find_site(organization=caller.organization, uid=wanted.pop("site"))

        def register() -> dict[str, Any]:
            registered = nodes.create_node(
                organization=caller.organization,
                site=site,
                machine=Machine(**wanted),
                actor=caller.actor,
                now=timezone.now(),
            )
            row = nodes.find_node(organization=caller.organization, uid=registered.node.uid)
            return {**NodeAnswer(row).data, "agent_token": registered.token}

        return self.create(register, secret="agent_token")  # noqa: S106 - the field's name


class NodeDetail(OrganizationView):
    """One node."""

    needs = {"GET": Permission.VIEW}

    @describe("nodes_read", "A node", answer=NodeAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it."""
        return Response(NodeAnswer(nodes.find_node(organization=self.caller().organization, uid=uid)).data)


class NodeChange(OrganizationView):
    """A change of a node's state."""

    needs = {"POST": Permission.MANAGE_SITES}
    deed: ClassVar[Callable[..., None]]

    def change(self, uid: UUID) -> Response:
        """Make the change."""
        caller = self.caller()
        node = nodes.find_node(organization=caller.organization, uid=uid)
        type(self).deed(node=node, actor=caller.actor, now=timezone.now())
        return Response(NodeAnswer(node).data)


class NodeDrain(NodeChange):
    """No new jobs for a node."""

    deed = nodes.drain_node

    @describe("nodes_drain", "Drain a node", answer=NodeAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """Send it no more jobs; what runs goes on."""
        return self.change(uid)


class NodeResumption(NodeChange):
    """Jobs for a node again."""

    deed = nodes.resume_node

    @describe("nodes_resume", "Send a drained node jobs again", answer=NodeAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """Let its offers be found again."""
        return self.change(uid)


class NodeRetirement(NodeChange):
    """The end of a node."""

    deed = nodes.retire_node

    @describe("nodes_retire", "Retire a node", answer=NodeAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """Take it out for good, with its token."""
        return self.change(uid)


class JobList(OrganizationView):
    """A buyer's jobs."""

    needs = {"GET": Permission.VIEW, "POST": Permission.USE}

    @describe("jobs_list", "Jobs", answer=JobAnswer, paged=True, filters=JobFilters)
    def get(self, request: Request) -> Response:
        """List them, newest first: online ones too."""
        rows = jobs.list_jobs(organization=self.caller().organization)
        return self.show_page(rows, JobAnswer, filters=JobFilters)

    @describe(
        "jobs_submit",
        "Submit a job that may run later",
        request=JobRequest,
        answer=JobAnswer,
        status=202,
        refusals=(400, 402, 413, 503),
    )
    def post(self, request: Request) -> HttpResponse:
        """Submit one; its money is held until it has run or ended."""
        wanted, caller = self.read(JobRequest), self.caller()
        key = self.request.auth
        if not isinstance(key, ApiKey):
            raise KeyNeeded

        def submit() -> dict[str, Any]:
            submission = jobs.submit_job(
                organization=caller.organization,
                api_key=key,
                body=_write_body(wanted["request"]),
                now=timezone.now(),
                store=blobs.open_store(),
                deadline=wanted["deadline"],
                idempotency_key=self.request.headers.get(IDEMPOTENCY_HEADER),
            )
            job = jobs.find_job(organization=caller.organization, uid=submission.uid)
            return dict(JobAnswer(job).data)

        return self.create(submit, status=202)


class JobDetail(OrganizationView):
    """One job."""

    needs = {"GET": Permission.VIEW}

    @describe("jobs_read", "A job with its usage and answer", answer=JobDetailAnswer)
    def get(self, request: Request, uid: UUID) -> HttpResponse:
        """Read it; the answer of a deferred job is there once it has succeeded, for seven days."""
        job = jobs.find_job(organization=self.caller().organization, uid=uid)
        bill = jobs.find_bill(job=job)
        answer = jobs.read_answer(job=job, bill=bill, store=blobs.open_store(), now=timezone.now())
        # Put together as bytes: the answer is given as it came, and the cost is a decimal literal.
        fields: dict[str, Any] = msgspec.json.decode(render(JobAnswer(job).data), type=dict[str, Raw])
        fields["matched"] = job.matched
        fields["usage"] = Raw(answers.write_usage(bill)) if bill else None
        fields["answer"] = Raw(answer) if answer else None
        return HttpResponse(msgspec.json.encode(fields), content_type=JSON)


class JobCancellation(OrganizationView):
    """The end of a job before its time."""

    needs = {"POST": Permission.USE}

    @describe("jobs_cancel", "Cancel a job", answer=JobAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """End it: at once if it waits, within seconds if it runs; one that has ended stays as it is."""
        organization = self.caller().organization
        return Response(
            JobAnswer(jobs.cancel_job(organization=organization, uid=uid, store=blobs.open_store())).data
        )


def _write_body(request: Any) -> bytes:
    try:
        return json.dumps(request, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Invalid("The request has text that is no Unicode.") from None
