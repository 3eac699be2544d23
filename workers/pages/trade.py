"""For operators: trade in services, by exporting and importing country."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.operators import operators_only
from billing.statements.periods import PeriodInvalid, read_period
from workers import trade


@require_safe
@never_cache
@operators_only
def show_trade(request: HttpRequest) -> HttpResponse:
    """The page, or the same as CSV."""
    asked = request.GET
    texts = {name: asked.get(name) for name in ("month", "since", "until")}
    try:
        period = read_period(**texts, now=timezone.now())
    except PeriodInvalid as refusal:
        raise Http404 from refusal
    rows = trade.list_trade(period=period)
    if asked.get("format") == "csv":
        text = trade.write_csv(rows, period=period)
        answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="trade-{period.name}.csv"'
        return answer
    return render(request, "workers/trade.html", {"period": period, "rows": rows})
