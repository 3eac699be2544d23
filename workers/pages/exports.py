"""For operators: electricity exported as computing."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.operators import operators_only
from billing.statements.periods import PeriodInvalid, read_period
from workers import exports


@require_safe
@never_cache
@operators_only
def show_exports(request: HttpRequest) -> HttpResponse:
    """The page, or the same as CSV."""
    asked = request.GET
    try:
        period = read_period(since=asked.get("since"), until=asked.get("until"), now=timezone.now())
    except PeriodInvalid as refusal:
        raise Http404 from refusal
    rows = exports.list_exports(period=period)
    if asked.get("format") == "csv":
        text = exports.write_csv(rows, period=period)
        answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
        name = f"exports-{period.since}-{period.until}.csv"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer
    return render(request, "workers/exports.html", {"period": period, "rows": rows})
