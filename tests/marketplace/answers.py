"""
Answers of sources of prices and carbon. None was recorded: each is constructed to the schema that the source
itself documents, with invented figures.
"""

from datetime import UTC, datetime, timedelta

DAY = datetime(2026, 3, 28, 23, tzinfo=UTC)  # midnight in Berlin, the day before the clocks change
ZONE = "10Y1001A1001A82H"

# api.energy-charts.info, /price: two lists and a unit.
ENERGY_CHARTS = (
    b'{"license_info":"CC BY 4.0 (creativecommons.org/licenses/by/4.0) from Bundesnetzagentur | SMARD.de",'
    b'"unix_seconds":[1774738800,1774739700,1774740600,1774741500],'
    b'"price":[85.31,-0.02,null,-12.5],"unit":"EUR / MWh","deprecated":false}'
)

# developer documentation of Octopus Energy, "List tariff unit rates": the newest first.
OCTOPUS = b"""{"count":2,"next":null,"previous":null,"results":[
 {"value_exc_vat":-1.5,"value_inc_vat":-1.575,"valid_from":"2026-03-28T23:30:00Z",
  "valid_to":"2026-03-29T00:00:00Z","payment_method":null},
 {"value_exc_vat":18.7,"value_inc_vat":19.635,"valid_from":"2026-03-28T23:00:00Z",
  "valid_to":"2026-03-28T23:30:00Z","payment_method":null}]}"""

# portal.electricitymaps.com, API reference, /v3/carbon-intensity/history.
ELECTRICITY_MAPS = b"""{"zone":"DE","temporalGranularity":"hourly","history":[
 {"zone":"DE","carbonIntensity":302,"datetime":"2026-03-28T23:00:00.000Z","updatedAt":"2026-03-29T04:00:00.000Z",
  "createdAt":"2026-03-25T23:50:00.000Z","emissionFactorType":"lifecycle","isEstimated":false,
  "estimationMethod":null},
 {"zone":"DE","carbonIntensity":null,"datetime":"2026-03-29T00:00:00.000Z","isEstimated":true},
 {"zone":"DE","carbonIntensity":288.4,"datetime":"2026-03-29T01:00:00.000Z","emissionFactorType":"lifecycle",
  "isEstimated":true,"estimationMethod":"TIME_SLICER_AVERAGE"}]}"""

# gridstatus: a data frame of LMPs written by to_csv.
GRIDSTATUS = """Time,Interval Start,Interval End,Market,Location,Location Type,LMP,Energy,Congestion,Loss
2026-03-28 17:00:00-06:00,2026-03-28 17:00:00-06:00,2026-03-28 17:15:00-06:00,REAL_TIME_15_MIN,HB_WEST,Hub,21.5,20,1,.5
2026-03-28 17:15:00-06:00,2026-03-28 17:15:00-06:00,2026-03-28 17:30:00-06:00,REAL_TIME_15_MIN,HB_WEST,Hub,-7.25,1,1,.5
"""  # noqa: E501 - one line is one row

OURS = """starts_at,value,estimated
2026-03-28T23:00:00Z,85.31,false
2026-03-29T00:15:00+01:00,-12.5,true
"""


def write_entsoe(
    prices: dict[int, str] | None = None,
    *,
    curve: str = "A03",
    resolution: str = "PT15M",
    hours: int = 1,
    other_auction: bool = False,
    zone: str = ZONE,
) -> bytes:
    """A Publication_MarketDocument (A44); positions that are not given are left out."""
    points = "".join(
        f"<Point><position>{position}</position><price.amount>{price}</price.amount></Point>"
        for position, price in (prices or {1: "85.31", 2: "-0.02", 4: "-12.5"}).items()
    )
    start, end = (f"{moment:%Y-%m-%dT%H:%MZ}" for moment in (DAY, DAY + timedelta(hours=hours)))

    def write_series(sequence: int, body: str) -> str:
        return f"""<TimeSeries><mRID>{sequence}</mRID><auction.type>A01</auction.type>
 <in_Domain.mRID codingScheme="A01">{zone}</in_Domain.mRID>
 <out_Domain.mRID codingScheme="A01">{zone}</out_Domain.mRID>
 <contract_MarketAgreement.type>A01</contract_MarketAgreement.type>
 <currency_Unit.name>EUR</currency_Unit.name><price_Measure_Unit.name>MWH</price_Measure_Unit.name>
 <classificationSequence_AttributeInstanceComponent.position>{sequence}</classificationSequence_AttributeInstanceComponent.position>
 <curveType>{curve}</curveType>
 <Period><timeInterval><start>{start}</start><end>{end}</end></timeInterval>
 <resolution>{resolution}</resolution>{body}</Period></TimeSeries>"""

    other = write_series(2, "<Point><position>1</position><price.amount>999</price.amount></Point>")
    return f"""<?xml version="1.0" encoding="utf-8"?>
<Publication_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3">
 <mRID>1</mRID><revisionNumber>1</revisionNumber><type>A44</type>
 <createdDateTime>2026-03-28T12:03:00Z</createdDateTime>
 {write_series(1, points)}{other if other_auction else ""}
</Publication_MarketDocument>""".encode()


ENTSOE_NOTHING = b"""<?xml version="1.0" encoding="UTF-8"?>
<Acknowledgement_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0">
 <mRID>1</mRID><createdDateTime>2026-03-28T12:03:00Z</createdDateTime>
 <Reason><code>999</code><text>No matching data found</text></Reason>
</Acknowledgement_MarketDocument>"""
