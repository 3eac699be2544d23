"""Earnings in one currency, by day, by site or by job, for any days and any site."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from billing.statements.periods import PeriodInvalid, read_period
from core.errors import Invalid
from core.money import Money
from marketplace.models import Site
from workers.api.income import PAGE, cut, read_day, read_number, read_place, read_uid
from workers.income import files, movements
from workers.income.movements import Choice

BY = {"days": _("By day"), "sites": _("By site"), "jobs": _("By job")}
KEPT = ("since", "last", "site", "job")
"""What links of the page carry on."""


class IncomePart(OrganizationPage):
    """What the address chooses."""

    needs = Permission.VIEW_MONEY
    tab = "earnings"

    def find(self) -> Choice:
        """
        What is asked for.

        :raises django.http.Http404: if that is no period, site or job
        """
        asked = self.request.GET
        texts = {name: asked.get(name) for name in ("month", "since", "until", "last")}
        try:
            return movements.choose(
                organization_id=self.organization.pk,
                currency=self.kwargs["currency"],
                period=read_period(**texts, now=timezone.now()),
                site=read_uid(asked.get("site", ""), name="site"),
                job=read_uid(asked.get("job", ""), name="job"),
            )
        except (PeriodInvalid, Invalid) as refusal:
            raise Http404 from refusal

    def find_by(self) -> str:
        """
        What lines are.

        :raises django.http.Http404: if there are no such lines
        """
        by = self.request.GET.get("by", "days")
        if by not in BY:
            raise Http404
        return by


class IncomePage(IncomePart):
    """The sum of what was chosen, and a page of its lines; each currency has a page of its own."""

    template_name = "workers/income.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The page."""
        choice, by = self.find(), self.find_by()
        total = movements.find_total(choice=choice)
        rows, following = self._list(choice, by)
        code, asked = choice.currency, self.request.GET
        carried = {name: asked[name] for name in KEPT if asked.get(name)}
        context = {
            "choice": choice,
            "by": by,
            "ways": [(one, name, urlencode(carried | {"by": one})) for one, name in BY.items()],
            "currencies": movements.list_currencies(organization_id=self.organization.pk),
            "sites": Site.objects.filter(organization=self.organization).order_by("name", "id"),
            "earned": Money(total.earned, code),
            "taken": Money(total.taken, code),
            "total": Money(total.amount, code),
            "rows": [(row, Money(row.amount, code)) for row in rows],
            "query": urlencode(carried | {"by": by}),
            "next": urlencode(carried | {"by": by, "after": following}) if following else "",
        }
        return super().get_context_data(**{**kwargs, **context})

    def _list(self, choice: Choice, by: str) -> tuple[list[Any], str]:
        after, limit = self.request.GET.get("after", ""), PAGE + 1
        rows: list[Any]
        try:
            if by == "days":
                rows, more = cut(movements.list_days(choice=choice, limit=limit, before=read_day(after)))
                return rows, str(rows[-1].day) if more else ""
            if by == "sites":
                rows, more = cut(movements.list_sites(choice=choice, limit=limit, after=read_number(after)))
                return rows, str(rows[-1].number) if more else ""
            rows, more = cut(movements.list_lines(choice=choice, limit=limit, after=read_place(after)))
            return rows, f"{rows[-1].entry_id}-{rows[-1].usage_id}" if more else ""
        except Invalid as refusal:
            raise Http404 from refusal


class IncomeCsv(IncomePart):
    """All lines of what was chosen."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> StreamingHttpResponse:  # type: ignore[override]
        """As CSV."""
        return files.answer_csv(choice=self.find(), by=self.find_by())
