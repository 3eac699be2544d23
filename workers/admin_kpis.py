"""Operators' view of sites' key figures over time."""

from decimal import Decimal

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.admin import ReadOnlyAdmin
from core.quantities import round_half_even
from workers import site_days
from workers.models import SiteDay

DAYS_SHOWN = 30
HEIGHT, STEP, BAR = 48, 12, 9
NOTHING = "–"
FIGURES = {
    "pue": ("PUE", "facility over IT energy (ISO/IEC 30134-2)"),
    "erf": ("ERF", "share of energy given away as heat (ISO/IEC 30134-6)"),
    "ere": ("ERE", "PUE x (1 - ERF)"),
    "ref": ("REF", "certified renewable share (ISO/IEC 30134-3)"),
    "cue": ("CUE", "kg CO2e by the grid per kWh of IT energy (ISO/IEC 30134-8)"),
    "market_cue": ("CUE, market-based", "kg CO2e by what was contracted per kWh of IT energy"),
    "joules_per_token": ("J/token", "joules at the machines per output token, input tokens weighing 0.45"),
    "surplus_absorbed_share": ("surplus absorbed", "share of the kWh that surplus lots offered"),
}


@admin.register(SiteDay)
class SiteDayAdmin(ReadOnlyAdmin):
    """PUE, ERF, REF, CUE, joules a token and surplus of sites, day by day, for the work they sold."""

    list_display = ("day", "site", "attempts", "kwh", *FIGURES, "surplus_offered_kwh", "surplus_absorbed_kwh")
    list_filter = ("site",)
    list_select_related = ("site",)
    search_fields = ("site__name", "site__uid", "site__organization__name")
    date_hierarchy = "day"
    ordering = ("-day", "site_id")
    readonly_fields = ("course",)

    @admin.display(description="PUE")
    def pue(self, row: SiteDay) -> str:
        """Facility over IT energy."""
        return write_figure(site_days.read_kpis(row).pue)

    @admin.display(description="ERF")
    def erf(self, row: SiteDay) -> str:
        """Share of energy given away as heat."""
        return write_figure(site_days.read_kpis(row).erf)

    @admin.display(description="ERE")
    def ere(self, row: SiteDay) -> str:
        """What is left of PUE after reuse."""
        return write_figure(site_days.read_kpis(row).ere)

    @admin.display(description="REF")
    def ref(self, row: SiteDay) -> str:
        """Certified renewable share."""
        return write_figure(row.renewable_share)

    @admin.display(description="CUE")
    def cue(self, row: SiteDay) -> str:
        """Kilograms by the grid per kWh of IT energy."""
        return write_figure(site_days.read_kpis(row).cue)

    @admin.display(description="CUE, market")
    def market_cue(self, row: SiteDay) -> str:
        """Kilograms by contract per kWh of IT energy."""
        return write_figure(site_days.read_kpis(row).market_cue)

    @admin.display(description="J/token")
    def joules_per_token(self, row: SiteDay) -> str:
        """Joules at the machines per output token."""
        return write_figure(site_days.read_kpis(row).joules_per_token)

    @admin.display(description="absorbed")
    def surplus_absorbed_share(self, row: SiteDay) -> str:
        """Share of what surplus lots offered."""
        return write_figure(site_days.read_kpis(row).surplus_absorbed_share)

    @admin.display(description="last 30 days")
    def course(self, row: SiteDay) -> SafeString:
        """Each figure as bars over the days before this one, and in words for who does not see them."""
        rows = SiteDay.objects.filter(site=row.site_id, day__lte=row.day).order_by("-day")[:DAYS_SHOWN]
        listed = [(one, site_days.read_kpis(one)) for one in reversed(rows)]
        return format_html_join(
            "",
            "{}",
            (
                (draw_bars(title, meaning, [(str(one.day), getattr(kpis, name)) for one, kpis in listed]),)
                for name, (title, meaning) in FIGURES.items()
            ),
        )


def write_figure(value: Decimal | None) -> str:
    """Four places, or a dash where there is nothing to tell."""
    return NOTHING if value is None else f"{round_half_even(value, 4).normalize():f}"


def draw_bars(title: str, meaning: str, days: list[tuple[str, Decimal | None]]) -> SafeString:
    """One figure over days as a small picture."""
    most = max((value for _, value in days if value is not None), default=Decimal(0))
    bars = []
    for number, (day, value) in enumerate(days):
        if value is not None:
            height = max(1, int(HEIGHT * value / most)) if most else 1
            bars.append((number * STEP, HEIGHT - height, BAR, height, day, write_figure(value)))
    last = write_figure(days[-1][1] if days else None)
    return format_html(
        "<figure><figcaption><strong>{}</strong> {} <span>{}</span></figcaption>"
        '<svg role="img" aria-label="{}: {}" width="{}" height="{}">{}</svg></figure>',
        title,
        last,
        meaning,
        title,
        "; ".join(f"{bar[4]} {bar[5]}" for bar in bars) or NOTHING,
        max(len(days), 1) * STEP,
        HEIGHT,
        format_html_join(
            "",
            '<rect x="{}" y="{}" width="{}" height="{}" fill="currentColor"><title>{}: {}</title></rect>',
            bars,
        ),
    )
