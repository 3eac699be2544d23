"""Addresses of statements and invoices in the console."""

from django.urls import path

from billing.statements.pages import invoices, statements

CONSOLE = "console/<uuid:organization>/"
STATEMENT = f"{CONSOLE}statements/<str:currency>/"

urlpatterns = [
    path(f"{CONSOLE}statements/", statements.StatementsPage.as_view(), name="statements-page"),
    path(STATEMENT, statements.StatementPage.as_view(), name="statement-page"),
    path(f"{STATEMENT}csv/", statements.StatementCsvFile.as_view(), name="statement-csv-file"),
    path(f"{STATEMENT}pdf/", statements.StatementPdfFile.as_view(), name="statement-pdf-file"),
    path(f"{CONSOLE}invoices/", invoices.InvoicesPage.as_view(), name="invoices-page"),
    path(f"{CONSOLE}invoices/<uuid:invoice>/", invoices.InvoiceFile.as_view(), name="invoice-file"),
    path(f"{CONSOLE}billing-profile/", invoices.ProfilePage.as_view(), name="billing-profile-page"),
]
