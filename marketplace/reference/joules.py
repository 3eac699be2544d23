"""
Measured energy of large language models by chip and batch size. Pure; imports no Django.

The rows are the chat task of the ML.ENERGY Leaderboard v3 (J.-W. Chung et al., NeurIPS 2025 Datasets and
Benchmarks): GPU energy only, prompt processing included, vLLM 0.11.1.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from marketplace.reference.tables import DATA, Evidence, Grade, Row, read_table

FILE = DATA / "joules_per_token.csv"
PRECISIONS = frozenset({"BF16", "FP8", "MXFP4"})
ENGINE = "vLLM 0.11.1"
EVIDENCE = Evidence(source="ML.ENERGY Leaderboard v3", date="2026-10-19", grade=Grade.PRIMARY, verified=True)
# One Wh per million tokens; the table prints both, Wh with two places.
JOULES_PER_WH_PER_MILLION = Decimal("0.0036")
PRINTED = Decimal("0.00002")
COLUMNS = (
    "model",
    "model_id",
    "gpu",
    "num_gpus",
    "tensor_parallel",
    "data_parallel",
    "expert_parallel",
    "precision",
    "max_num_seqs",
    "avg_requests_in_flight",
    "wh_per_million_output_tokens",
    "joules_per_output_token",
    "median_itl_ms",
    "p90_itl_ms",
    "p99_itl_ms",
    "tokens_per_second",
    "gpu_power_watts_total",
    "avg_output_tokens",
    "under_itl_deadline",
    "avg_running_batch",
    "p95_itl_ms",
    "row_id",
    "repeat",
)


@dataclass(frozen=True, slots=True)
class TokenEnergy:
    """
    One measurement of a model on `chips` chips with at most `batch_max` requests at a time.

    `joules_per_output_token`, `tokens_per_second` (output only) and `watts` are of all chips together; the
    four latencies are milliseconds between two tokens of one answer, and `in_time` says whether they met the
    benchmark's own limit. `row_id` is the leaderboard's name of the row, `repeat` tells repetitions apart.
    """

    model: str
    model_id: str
    gpu: str
    chips: int
    tensor_parallel: int
    data_parallel: int
    expert_parallel: int
    precision: str
    batch_max: int
    requests_in_flight: Decimal
    running_batch: Decimal
    wh_per_million_output_tokens: Decimal
    joules_per_output_token: Decimal
    median_latency_ms: Decimal
    p90_latency_ms: Decimal
    p95_latency_ms: Decimal
    p99_latency_ms: Decimal
    tokens_per_second: Decimal
    watts: Decimal
    output_tokens: Decimal
    in_time: bool
    row_id: str
    repeat: int

    @property
    def source(self) -> str:
        """The label that goes into a price card."""
        return f"ML.ENERGY v3: {self.row_id}"


@cache
def read_joules(path: Path = FILE) -> tuple[TokenEnergy, ...]:
    """
    Every measurement of the table.

    :raises BadRow: naming file, line and field
    """
    return read_table(path, columns=COLUMNS, read=read_energy, key=lambda energy: energy.row_id)


def read_energy(row: Row) -> TokenEnergy:
    precision = row.text("precision")
    if precision not in PRECISIONS:
        raise row.refuse("precision", f"{precision!r} is none of {', '.join(sorted(PRECISIONS))}")
    energy = TokenEnergy(
        model=row.text("model"),
        model_id=row.text("model_id"),
        gpu=row.text("gpu"),
        chips=row.count("num_gpus", high=1024),
        tensor_parallel=row.count("tensor_parallel", high=1024),
        data_parallel=row.count("data_parallel", high=1024),
        expert_parallel=row.count("expert_parallel", high=1024),
        precision=precision,
        batch_max=row.count("max_num_seqs", high=100_000),
        requests_in_flight=row.number("avg_requests_in_flight", low=0, high=100_000),
        running_batch=row.number("avg_running_batch", low=0, high=100_000),
        wh_per_million_output_tokens=row.number("wh_per_million_output_tokens", low=0, high=1_000_000),
        joules_per_output_token=row.number("joules_per_output_token", low=Decimal("0.0001"), high=10_000),
        median_latency_ms=row.number("median_itl_ms", low=0, high=100_000),
        p90_latency_ms=row.number("p90_itl_ms", low=0, high=100_000),
        p95_latency_ms=row.number("p95_itl_ms", low=0, high=100_000),
        p99_latency_ms=row.number("p99_itl_ms", low=0, high=100_000),
        tokens_per_second=row.number("tokens_per_second", low=Decimal("0.01"), high=10_000_000),
        watts=row.number("gpu_power_watts_total", low=1, high=1_000_000),
        output_tokens=row.number("avg_output_tokens", low=1, high=1_000_000),
        in_time=row.truth("under_itl_deadline"),
        row_id=row.text("row_id"),
        repeat=row.count("repeat"),
    )
    from_wh = energy.wh_per_million_output_tokens * JOULES_PER_WH_PER_MILLION
    if abs(from_wh - energy.joules_per_output_token) > PRINTED:
        raise row.refuse("joules_per_output_token", f"Wh per million tokens give {from_wh}")
    return energy
