"""
Bank statements as files: ISO 20022 camt.053, versions 001.02 and 001.08. Bytes to statements, no database.

Only booked entries count. An entry that lists its parts becomes a line for each part if the parts add up;
what a bank charged for a transfer inside the same entry becomes a line of its own.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any
from xml.parsers import expat

from xsdata.exceptions import ConverterWarning, ParserError
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig
from xsdata.formats.dataclass.parsers.handlers import XmlEventHandler

from billing.banking.camt_entries import Line, read_code, read_entry, sign
from billing.banking.unreadable import Unreadable

FILE_BYTES_MAX = 8_000_000
DEPTH_MAX = 40
ELEMENTS_MAX = 400_000
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001."
VERSIONS = ("02", "08")
OPENING, CLOSING = ("OPBD", "PRCD"), ("CLBD",)


@dataclass(frozen=True, slots=True)
class Statement:
    """
    One account over some days. `name` is the bank's id of it, `number` the bank's count of statements.

    Amounts are positive for what the platform has; `opening` and the lines come to `closing` if the bank is
    right, which is for the importer to see.
    """

    number_of_account: str
    currency: str
    name: str
    number: int | None
    opening: Decimal
    closing: Decimal
    opens_on: date
    closes_on: date
    lines: tuple[Line, ...]

    @property
    def sha256(self) -> str:
        """Of what it says; the same statement fetched again has the same, whatever its file's header says."""
        return hashlib.sha256(json.dumps(asdict(self), default=str, sort_keys=True).encode()).hexdigest()


def read_statements(content: bytes) -> list[Statement]:
    """
    Every statement in a file.

    :raises Unreadable: if it is too large, defines a document type, is of another kind, or leaves out what is
        needed
    """
    if len(content) > FILE_BYTES_MAX:
        raise Unreadable(f"A file of statements has at most {FILE_BYTES_MAX // 1_000_000} megabytes.")
    version = _look_at(content)
    # The same parser that looked at it reads it, so that both see the same document.
    parser = XmlParser(
        config=ParserConfig(fail_on_unknown_properties=True, fail_on_converter_warnings=True),
        handler=XmlEventHandler,
    )
    try:
        document: Any = parser.from_bytes(content, _load_document(version))
    except (ParserError, ConverterWarning, TypeError, ValueError) as error:
        raise Unreadable(f"This is no camt.053.001.{version}: {error}") from error
    found = [_read_statement(one) for one in document.bk_to_cstmr_stmt.stmt]
    if not found:
        raise Unreadable("There is no statement in this file.")
    return found


def _look_at(content: bytes) -> str:
    """The version of the message, once nothing in it can grow or reach out."""
    depth = count = 0
    root = ""

    def open_element(name: str, _: Any) -> None:
        nonlocal depth, count, root
        root = root or name
        depth, count = depth + 1, count + 1
        if depth > DEPTH_MAX or count > ELEMENTS_MAX:
            raise Unreadable("This file is larger or deeper than any statement.")

    def close_element(_: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse_type(*_: Any) -> None:
        raise Unreadable("A document type has no place in a statement of a bank.")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = open_element, close_element
    parser.StartDoctypeDeclHandler = refuse_type
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise Unreadable(f"This is no XML: {error}") from error
    namespace, _, name = root.rpartition(" ")
    version = namespace.removeprefix(NAMESPACE)
    if name != "Document" or version not in VERSIONS:
        raise Unreadable(f"Only camt.053.001.02 and camt.053.001.08 are read; this is {root or 'neither'}.")
    return version


@cache
def _load_document(version: str) -> type[Any]:
    name = f"camt_053_001_{version}"
    loaded: type[Any] = import_module(f"pyiso20022.camt.{name}.{name}").Document
    return loaded


def _read_statement(found: Any) -> Statement:
    pages = getattr(found, "stmt_pgntn", None)
    if pages is not None and not (pages.pg_nb == "1" and pages.last_pg_ind):
        raise Unreadable(f"Statement {found.id} comes in pages; ask the bank for whole statements.")
    opening, closing = _find_balance(found, OPENING), _find_balance(found, CLOSING)
    currency = found.acct.ccy or closing.amt.ccy
    if {currency} != {opening.amt.ccy, closing.amt.ccy, *(entry.amt.ccy for entry in found.ntry)}:
        raise Unreadable(f"Statement {found.id} mixes currencies.")
    account = found.acct.id.iban or (found.acct.id.othr and found.acct.id.othr.id) or ""
    opens_on, closes_on = _read_days(found, opening, closing)
    name = f"{account[-4:]}/{found.id}"
    booked = [entry for entry in found.ntry if read_code(entry.sts) == "BOOK" and entry.amt.value]
    lines = [
        line
        for position, entry in enumerate(booked, 1)
        for line in read_entry(entry, statement=name, position=position, default=closes_on)
    ]
    number = found.elctrnc_seq_nb if found.elctrnc_seq_nb is not None else found.lgl_seq_nb
    return Statement(
        number_of_account=account.replace(" ", "").replace("-", "").upper(),
        currency=currency,
        name=found.id,
        number=None if number is None else int(number),
        opening=sign(opening.amt.value, opening.cdt_dbt_ind),
        closing=sign(closing.amt.value, closing.cdt_dbt_ind),
        opens_on=opens_on,
        closes_on=closes_on,
        lines=tuple(_tell_apart(lines)),
    )


def _find_balance(found: Any, kinds: tuple[str, ...]) -> Any:
    for kind in kinds:
        for balance in found.bal:
            if read_code(balance.tp.cd_or_prtry) == kind:
                return balance
    raise Unreadable(f"Statement {found.id} has no balance {' or '.join(kinds)}.")


def _read_days(found: Any, opening: Any, closing: Any) -> tuple[date, date]:
    ends = _read_day(closing.dt)
    if found.fr_to_dt is not None:
        return found.fr_to_dt.fr_dt_tm.to_datetime().date(), found.fr_to_dt.to_dt_tm.to_datetime().date()
    return min(_read_day(opening.dt), ends), ends


def _read_day(choice: Any) -> date:
    if choice.dt is not None:
        day: date = choice.dt.to_date()
        return day
    moment: date = choice.dt_tm.to_datetime().date()
    return moment


def _tell_apart(lines: list[Line]) -> Iterator[Line]:
    """Refuse a statement in which two lines go by one reference: they could not be told apart for ever."""
    seen: set[str] = set()
    for line in lines:
        if line.reference in seen:
            raise Unreadable(f"Two lines of a statement have the reference {line.reference}.")
        seen.add(line.reference)
        yield line
