"""What a benchmark says: figures with units, each against a named peer or floor of the same run."""

import json
import os
import platform
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One measured number. `peer` and `ratio` compare it with another figure of the same run; `goal` is what is
    aimed for, in words.
    """

    name: str
    value: float
    unit: str
    peer: str = ""
    ratio: float | None = None
    goal: str = ""


def machine() -> str:
    """The machine the figures come from, in one line."""
    system = f"{platform.machine()}, {platform.system()} {platform.release()}"
    return f"{os.cpu_count()} cores, {system}, Python {platform.python_version()}"


def print_table(figures: list[Figure]) -> None:
    """A table for people, then one JSON object as the last line."""
    width = max(len(figure.name) for figure in figures)
    print(f"\n{machine()}\n")
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:8.2f} x {figure.peer}"
        goal = f"   (goal {figure.goal})" if figure.goal else ""
        places = 1 if abs(figure.value) >= 10 else 3
        print(f"{figure.name:{width}}  {figure.value:12,.{places}f} {figure.unit:18}{ratio}{goal}")
    print()
    print(
        json.dumps(
            {
                "machine": machine(),
                "figures": {
                    figure.name: {
                        "value": round(figure.value, 3),
                        "unit": figure.unit,
                        **(
                            {}
                            if figure.ratio is None
                            else {"ratio": round(figure.ratio, 4), "peer": figure.peer}
                        ),
                        **({"goal": figure.goal} if figure.goal else {}),
                    }
                    for figure in figures
                },
            }
        )
    )
