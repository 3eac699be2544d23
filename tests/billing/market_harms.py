"""Harms to what bills follow from: price cards, final prices, awards, factors of a site; and to notes."""

from tests.billing.harm import NEW, Copy, Harm

OTHER_FLAG = "(SELECT max(id) FROM meter_flag)"
NOBODY = {"id": NEW, "uid": "gen_random_uuid()"}


def card(**changes: str) -> Copy:
    """A copy of a price card as the next one of its offer."""
    fresh = NOBODY | {"number": "2", "starts_at": "now() + interval '1 hour'", "created_at": "now()"}
    return Copy("price_card", fresh | changes, "number = 1")


def final(**changes: str) -> Copy:
    """A copy of a final price, of another hour."""
    fresh = {"id": NEW, "starts_at": "ends_at", "ends_at": "ends_at + interval '1 hour'"}
    return Copy("final_price", fresh | changes)


def award(**changes: str) -> Copy:
    """A copy of an award, to the other bid."""
    return Copy("power_award", NOBODY | {"bid_id": "(SELECT max(id) FROM power_bid)"} | changes)


def finding(**changes: str) -> Copy:
    """A copy of what an offer was found to use."""
    return Copy("joules_finding", {"id": NEW, "number": "2"} | changes)


def tariff(**changes: str) -> Copy:
    """A copy of a site's tariff."""
    return Copy("site_tariff", NOBODY | {"number": "2"} | changes)


def point(**changes: str) -> Copy:
    """A copy of a point of a series, an hour later."""
    return Copy("series_point", {"starts_at": "starts_at + interval '1 hour'"} | changes)


def correction(**changes: str) -> Copy:
    """A copy of a value that was replaced."""
    return Copy("series_correction", {"revision": "9"} | changes)


def event(**changes: str) -> Copy:
    """A copy of an event of the audit trail."""
    return Copy("accounts_auditevent", NOBODY | changes)


def version(**changes: str) -> Copy:
    """A copy of a version of reference data."""
    return Copy("reference_version", {"id": NEW, "number": "2"} | changes)


def figure(**changes: str) -> Copy:
    """A copy of a figure of reference data."""
    return Copy("reference_figure", {"id": NEW, "key": "'y'"} | changes)


def keep(table: str, change: str, changes: str, empties: str) -> dict[str, Harm]:
    """Of a table whose rows stay as they were written."""
    return {
        f"{table}.{changes}": f"UPDATE {table} SET {change}",
        f"{table}.{empties}": f"TRUNCATE {table} CASCADE",
    }


HARMS: dict[str, Harm] = {
    **keep("price_card", "output_price = 0", "price_card_never_changes", "price_card_never_emptied"),
    "price_card.price_card_pkey": card(id="id"),
    "price_card.price_card_uid_key": card(uid="uid"),
    "price_card.price_card_offer_number": card(number="1"),
    "price_card.price_card_basis_a98d869f_fk_price_basis_digest": card(basis="'none'"),
    "price_card.price_card_currency_of_its_offer": card(currency="'CNY'"),
    "price_card.price_card_fee_in_range": (card(fee_bps="-1"), card(fee_bps="10000")),
    "price_card.price_card_is_finite": card(output_price="'NaN'"),
    "price_card.price_card_lasts": card(valid_until="now()"),
    "price_card.price_card_number_at_least_one": card(number="0"),
    "price_card.price_card_prices_not_negative": (
        card(input_price="-0.1"),
        card(cached_input_price="-0.1"),
        card(output_price="-0.1"),
    ),
    "price_card.price_card_slack_is_of_a_card": (card(slack_hours="1"), card(of_number="3")),
    "price_card.price_card_fits_in": (
        card(number="3"),
        card(starts_at="starts_at"),
        card(chip_second_price="0.1"),
    ),
    **keep("price_basis", "output_price = 9", "price_basis_never_changes", "price_basis_never_emptied"),
    "price_basis.price_basis_pkey": Copy("price_basis", {}),
    "price_basis.price_basis_offer_id_c8a95c47_fk_offer_id": Copy(
        "price_basis", {"digest": "'b'", "offer_id": NEW}
    ),
    **keep("final_price", "output_price = 9", "final_price_never_changes", "final_price_never_emptied"),
    "final_price.final_price_pkey": final(id="id"),
    "final_price.final_price_once": final(starts_at="starts_at", ends_at="ends_at"),
    "final_price.final_price_card_id_fkey": final(card_id=NEW),
    "final_price.final_price_is_sound": (
        final(ends_at="starts_at"),
        final(output_price="-0.1"),
        final(per_kwh="'NaN'"),
    ),
    "capped_usage.capped_usage_pkey": Copy("capped_usage", {}),
    "answer_note.answer_note_pkey": Copy("answer_note", {}),
    "power_award.power_award_never_changes": "UPDATE power_award SET price = 0",
    "power_award.power_award_pkey": award(id="id"),
    "power_award.power_award_uid_key": award(uid="uid"),
    "power_award.power_award_bid_id_key": award(bid_id="bid_id"),
    "power_award.power_award_bid_id_fd37f7a7_fk_power_bid_id": award(bid_id=NEW),
    "power_award.power_award_is_sound": (award(kw="0"), award(price="-0.1")),
    "power_award.power_award_counted": award(kw="9"),
    **keep("joules_finding", "joules = 9", "joules_finding_never_changes", "joules_finding_never_emptied"),
    "joules_finding.joules_finding_pkey": finding(id="id"),
    "joules_finding.joules_finding_number": finding(number="number"),
    "joules_finding.joules_finding_offer_id_27ead49d_fk_offer_id": finding(offer_id=NEW),
    "joules_finding.joules_finding_is_sound": (
        finding(basis="'GUESS'"),
        finding(claimed="0"),
        finding(joules="0"),
        finding(number="0"),
        finding(window_end="window_start"),
    ),
    **keep("site_tariff", "hold_minutes = 9", "site_tariff_never_changes", "site_tariff_never_emptied"),
    "site_tariff.site_tariff_pkey": tariff(id="id"),
    "site_tariff.site_tariff_uid_key": tariff(uid="uid"),
    "site_tariff.site_tariff_number": tariff(number="number"),
    "site_tariff.site_tariff_site_id_58686884_fk_site_id": tariff(site_id=NEW),
    "site_tariff.site_tariff_is_sound": (
        tariff(number="0"),
        tariff(hold_minutes="-1"),
        tariff(hold_minutes="10081"),
    ),
    **keep("site_factors", "pue = 9", "site_factors_never_change", "site_factors_never_emptied"),
    "site_factors.site_factors_pkey": Copy("site_factors", {}),
    "site_factors.site_factors_site_id_aec234e8_fk_site_id": Copy(
        "site_factors", {"id": NEW, "site_id": NEW}
    ),
    **keep("site_figure", "source = 'x'", "site_figure_never_changes", "site_figure_never_emptied"),
    "site_figure.site_figure_pkey": Copy("site_figure", {}),
    "site_figure.site_figure_has_source": Copy("site_figure", {"id": NEW, "source": "''"}),
    "site_figure.site_figure_site_id_fdd135fe_fk_site_id": Copy("site_figure", {"id": NEW, "site_id": NEW}),
    **keep(
        "reference_version",
        "title = 'x'",
        "reference_version_never_changes",
        "reference_version_never_emptied",
    ),
    "reference_version.reference_version_pkey": version(id="id"),
    "reference_version.reference_version_number": version(number="number"),
    "reference_version.reference_version_counts": version(number="0"),
    "reference_version.reference_version_digest": version(digest="'x'"),
    **keep(
        "reference_figure",
        "figures = '[]'",
        "reference_figure_never_changes",
        "reference_figure_never_emptied",
    ),
    "reference_figure.reference_figure_pkey": figure(id="id"),
    "reference_figure.reference_figure_key": figure(key="key"),
    "reference_figure.reference_figure_grade": figure(grade="'Z'"),
    "reference_figure.reference_figure_version_id_372c9082_fk_reference_version_id": figure(version_id=NEW),
    "series_point.series_point_keeps_history": "UPDATE series_point SET value = 9",
    "series_point.series_point_kept": "DELETE FROM series_point",
    "series_point.series_point_never_emptied": "TRUNCATE series_point",
    "series_point.series_point_pkey": point(starts_at="starts_at"),
    "series_point.series_point_revision_check": point(revision="-1"),
    "series_point.series_point_value_check": point(value="'NaN'"),
    "series_point.series_point_series_id_fkey": point(series_id=NEW),
    **keep(
        "series_correction", "value = 9", "series_correction_never_changes", "series_correction_never_emptied"
    ),
    "series_correction.series_correction_pkey": correction(revision="revision"),
    "series_correction.series_correction_series_id_fkey": correction(series_id=NEW),
    **keep("flag_resolution", "note = 'x'", "flag_resolution_append_only", "flag_resolution_no_truncate"),
    "flag_resolution.flag_resolution_pkey": Copy("flag_resolution", {}),
    "flag_resolution.flag_resolution_says_something": Copy(
        "flag_resolution", {"flag_id": OTHER_FLAG, "note": "''"}
    ),
    "flag_resolution.flag_resolution_flag_id_9394b174_fk_meter_flag_id": Copy(
        "flag_resolution", {"flag_id": NEW}
    ),
    "flag_resolution.flag_resolution_resolved_by_id_4c438a0b_fk_accounts_user_id": Copy(
        "flag_resolution", {"flag_id": OTHER_FLAG, "resolved_by_id": NEW}
    ),
    **keep("accounts_auditevent", "action = 'y'", "audit_is_append_only", "audit_is_never_truncated"),
    "accounts_auditevent.accounts_auditevent_pkey": event(id="id"),
    "accounts_auditevent.accounts_auditevent_uid_key": event(uid="uid"),
    "accounts_auditevent.accounts_auditevent_actor_kind_is_known": event(actor_kind="'GHOST'"),
    "accounts_auditevent.accounts_auditevent_organization_id_5fa8aa26_fk_accounts_": event(
        organization_id=NEW
    ),
    # What is added up of charges, and how far.
    **{f"{table}.{table}_pkey": Copy(table, {}) for table in ("spend_day", "energy_day", "income_day")},
    **{
        f"{table}.{table}_{rule}": Copy(table, {"only_one": value})
        for table in ("spend_cursor", "income_cursor", "capped_cursor")
        for rule, value in (("pkey", "only_one"), ("only_one_check", "false"))
    },
}
