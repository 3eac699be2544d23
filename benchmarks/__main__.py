"""
Measure: `python -m benchmarks`, or ONLY=ledger,admission,charging,gateway for some of them.

Machines are shared and noisy: read the ratios within one run, not the absolute figures.
"""

import importlib
import os
import sys

from benchmarks import report

ALL = (
    *("ledger", "admission", "charging", "settlement", "statements", "matching", "tariffs", "cards"),
    "gateway",
)


def main() -> None:
    """Run what ONLY names, print the table and one JSON object."""
    chosen = [name.strip() for name in os.environ.get("ONLY", "").split(",") if name.strip()] or list(ALL)
    unknown = [name for name in chosen if name not in ALL]
    if unknown:
        sys.exit(f"unknown benchmark {', '.join(unknown)}: there are {', '.join(ALL)}")
    figures: list[report.Figure] = []
    for name in chosen:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        figures += importlib.import_module(f"benchmarks.{name}").measure()
    report.print_table(figures)


if __name__ == "__main__":
    main()
