"""Django application of work: nodes, attempts, usage, receipts."""

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """Registers the app."""

    name = "workers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what must hold across jobs, attempts, usage and charges, and who knows what was sold."""
        from billing import approvals, verification
        from billing.statements import sources
        from workers import invoicing

        verification.register_checks("workers/sql/checks")
        approvals.register(
            kind="claim_credit",
            follow="workers.claim_decisions.follow_decision",
            model="workers.answerclaim",
            key="uid",
        )
        sources.register(
            name_sources=invoicing.name_jobs,
            group_work=invoicing.group_work,
            group_sales=invoicing.group_sales,
        )
