"""Nodes and deferred jobs."""

import json
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from msgspec import Raw
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import JSON, OrganizationView, render
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
from workers.nodes import Machine

STATE = OpenApiParameter("state", enum=Job.State.values, description="Only jobs in this state.")
KIND = OpenApiParameter("kind", enum=Job.Kind.values, description="Only jobs of this kind.")


class KeyNeeded(Forbidden):
    """A job is paid for by a key."""

    code = "key_needed"
    message = "Submit jobs with an API key: its limit is what the job is held against."


class FilterUnknown(Invalid):
    """A filter has a value it cannot have."""

    code = "invalid_filter"


class NodeList(OrganizationView):
    """A provider's nodes."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_SITES}

    @describe("nodes_list", "Nodes", answer=NodeAnswer, paged=True)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(nodes.list_nodes(organization=self.caller().organization), NodeAnswer)

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


class NodeRetirement(OrganizationView):
    """The end of a node."""

    needs = {"POST": Permission.MANAGE_SITES}

    @describe("nodes_retire", "Retire a node", answer=NodeAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """Take it out for good, with its token."""
        caller = self.caller()
        node = nodes.find_node(organization=caller.organization, uid=uid)
        nodes.retire_node(node=node, actor=caller.actor, now=timezone.now())
        return Response(NodeAnswer(node).data)


class JobList(OrganizationView):
    """A buyer's jobs."""

    needs = {"GET": Permission.VIEW, "POST": Permission.USE}

    @describe("jobs_list", "Jobs", answer=JobAnswer, paged=True, parameters=(STATE, KIND), refusals=(422,))
    def get(self, request: Request) -> Response:
        """List them, newest first: online ones too."""
        rows = jobs.list_jobs(organization=self.caller().organization)
        for name, allowed in (("state", Job.State.values), ("kind", Job.Kind.values)):
            value = request.query_params.get(name)
            if value is not None:
                if value not in allowed:
                    raise FilterUnknown(f"{name} is one of {', '.join(allowed)}.")
                rows = rows.filter(**{name: value})
        return self.show_page(rows, JobAnswer)

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

    @describe("jobs_cancel", "Cancel a job", answer=JobAnswer)
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
