"""
How good the estimator is, over the rows it was fitted to and over models it has not seen. Pure; imports no
Django.

These are statistics about a fit, in floating point; nothing here reaches a price.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.energy.estimator import COEFFICIENTS, ModelSize, list_features
from marketplace.reference import TokenEnergy

type Vector = list[float]


@dataclass(frozen=True, slots=True)
class Quality:
    """
    R2 of the logarithms and mean absolute error of the published coefficients, in per cent; and what is off,
    mean and 90th percentile, when each model in turn is left out and the rest are fitted anew.
    """

    rows: int
    models: int
    r2: float
    error: float
    unseen_error: float
    unseen_error_p90: float


def assess(*, rows: Sequence[TokenEnergy], sizes: dict[str, ModelSize]) -> Quality:
    """
    Assess the published coefficients on every row given, at its mean running batch.

    A model is what the table calls one: its FP8 edition is another.

    :raises KeyError: if a model's size is not given
    """
    features = [list_row(row, sizes[row.model_id]) for row in rows]
    logs = [math.log(row.joules_per_output_token) for row in rows]
    errors = [_predict([float(c) for c in COEFFICIENTS], x) - y for x, y in zip(features, logs, strict=True)]
    mean = sum(logs) / len(logs)
    r2 = 1 - sum(error * error for error in errors) / sum((y - mean) ** 2 for y in logs)
    models = sorted({row.model_id for row in rows})
    unseen = sorted(
        error for model in models for error in _leave_out(model, rows=rows, features=features, logs=logs)
    )
    return Quality(
        rows=len(rows),
        models=len(models),
        r2=r2,
        error=100 * sum(abs(math.expm1(error)) for error in errors) / len(errors),
        unseen_error=100 * sum(unseen) / len(unseen),
        unseen_error_p90=100 * unseen[int(0.9 * len(unseen))],
    )


def fit(features: Sequence[Vector], logs: Vector) -> Vector:
    """Ordinary least squares: the normal equations, by elimination with pivots."""
    size = len(features[0])
    table = [
        [
            *(math.fsum(x[row] * x[column] for x in features) for column in range(size)),
            math.fsum(x[row] * y for x, y in zip(features, logs, strict=True)),
        ]
        for row in range(size)
    ]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(table[row][column]))
        table[column], table[pivot] = table[pivot], table[column]
        for row in range(size):
            if row != column:
                factor = table[row][column] / table[column][column]
                table[row] = [a - factor * b for a, b in zip(table[row], table[column], strict=True)]
    return [table[row][size] / table[row][row] for row in range(size)]


def _leave_out(
    model: str, *, rows: Sequence[TokenEnergy], features: Sequence[Vector], logs: Vector
) -> list[float]:
    """Absolute relative errors on one model's rows of a fit to all others."""
    kept = [index for index, row in enumerate(rows) if row.model_id != model]
    coefficients = fit([features[index] for index in kept], [logs[index] for index in kept])
    return [
        abs(math.expm1(_predict(coefficients, features[index]) - logs[index]))
        for index, row in enumerate(rows)
        if row.model_id == model
    ]


def list_row(row: TokenEnergy, size: ModelSize) -> Vector:
    """A row as the fit sees it."""
    found = list_features(
        size=size,
        batch=row.running_batch,
        chips=row.chips,
        is_b200=row.gpu == "B200",
        is_fp8=row.precision == "FP8",
    )
    return [float(feature) for feature in found]


def _predict(coefficients: Vector, features: Vector) -> float:
    return math.fsum(c * x for c, x in zip(coefficients, features, strict=True))
