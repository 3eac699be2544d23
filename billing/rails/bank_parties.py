"""Parties, accounts and banks as ISO 20022 writes them, from details that were checked."""

from collections.abc import Mapping

from pyiso20022.pain.pain_001_001_09 import pain_001_001_09 as pain

CLEARING = {"HK": ("HKNCC", "bank_code"), "CN": ("CNAPS", "cnaps"), "US": ("USABA", "routing")}
"""By country: the clearing system of its banks (ISO 20022 external codes), and the detail that names one."""


def make_party(details: Mapping[str, str], *, country: str) -> pain.PartyIdentification135:
    """Who is paid, or pays: name, and an address of town and country at least."""
    address = pain.PostalAddress24(
        strt_nm=details.get("street") or None, twn_nm=details["city"], ctry=country
    )
    return pain.PartyIdentification135(nm=details["name"], pstl_adr=address)


def make_account(details: Mapping[str, str], *, currency: str | None = None) -> pain.CashAccount38:
    """An account by its IBAN, or else by the number its bank knows it by."""
    if "iban" in details:
        number = pain.AccountIdentification4Choice(iban=details["iban"])
    else:
        other = pain.GenericAccountIdentification1(
            id=details["account"], schme_nm=pain.AccountSchemeName1Choice(cd="BBAN")
        )
        number = pain.AccountIdentification4Choice(othr=other)
    return pain.CashAccount38(id=number, ccy=currency)


def make_agent(
    details: Mapping[str, str], *, country: str
) -> pain.BranchAndFinancialInstitutionIdentification6:
    """A bank by its BIC, or by the name that its country's clearing knows it by."""
    bank = pain.FinancialInstitutionIdentification18(bicfi=details.get("bic") or None)
    if country in CLEARING:
        system, field = CLEARING[country]
        bank.clr_sys_mmb_id = pain.ClearingSystemMemberIdentification2(
            clr_sys_id=pain.ClearingSystemIdentification2Choice(cd=system), mmb_id=details[field]
        )
        bank.nm = details.get("bank") or None
    return pain.BranchAndFinancialInstitutionIdentification6(fin_instn_id=bank)
