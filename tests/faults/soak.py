"""
A long time of paced work, with something breaking every few seconds, and the books checked after each round.

`make soak` runs it for half an hour; `make soak SECONDS=600 FAULT_SEED=7` for ten minutes and again as
before. What is asked, what breaks, and when, follows from the seed; how programs run beside one another does
not.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import openai
from django.core.management import call_command

from tests.faults.bank import Bank
from tests.faults.books import Books
from tests.faults.buyers import Answer, Crowd
from tests.faults.nemesis import Nemesis, laid_cables
from tests.faults.plant import TOKENS_PER_SECOND, Plant, django_at, make_plant

PAUSE_SECONDS = (0.5, 4.0)
AWAY_SECONDS = 12.0
# Beyond the longest answer, the longest stall, and a lease.
ENDED_SECONDS_MAX = 120.0
RUNNING_MAX = 20
STREAM_TOKENS = (1, 100)
PLAIN_TOKENS = (1, 30)
# What gathers while a gateway is frozen or a line is cut comes at once, also to one who hangs up then.
UNDERWAY_TOKENS_MAX = round((1 + AWAY_SECONDS) * TOKENS_PER_SECOND)
LOG_BYTES_MAX = 4_000_000
PASSING = (429, 502, 503, 504)
HLEDGER_CHECKS = ("check", "--strict", "balancednoautoconversion", "ordereddates")
REPORT = Path("build/soak.json")


@dataclass(slots=True)
class Tally:
    """What happened in one round or in several; counts by kind."""

    answers: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    charges: int = 0
    snapshots: int = 0
    rounds: int = 0

    def add(self, other: "Tally") -> None:
        """Count these too."""
        self.answers += other.answers
        self.faults += other.faults
        self.charges += other.charges
        self.snapshots += other.snapshots
        self.rounds += other.rounds

    def __str__(self) -> str:
        answers = ", ".join(f"{count} {kind}" for kind, count in sorted(self.answers.items()))
        faults = ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items()))
        return (
            f"{self.rounds} rounds, {self.answers.total()} requests ({answers}), {self.charges} charges,"
            f" {self.snapshots} snapshots, {self.faults.total()} faults ({faults})"
        )


class Traffic:
    """Buyers come at random, `rate` a second on average, while the block runs; some leave early."""

    def __init__(self, crowd: Crowd, *, chance: random.Random, rate: float) -> None:
        self._crowd, self._chance, self._rate = crowd, chance, rate
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        running: list[Answer] = []
        while not self._stopped.wait(self._chance.expovariate(self._rate)):
            running = [answer for answer in running if not answer.ended]
            asked = self._choose()
            if len(running) < RUNNING_MAX:
                running.append(self._ask(*asked))

    def _choose(self) -> tuple[bool, int, int | None]:
        # Chance is asked the same whether anybody comes or not.
        plain = self._chance.random() < 0.4
        tokens = self._chance.randint(*(PLAIN_TOKENS if plain else STREAM_TOKENS))
        leaves = self._chance.randint(1, 30) if self._chance.random() < 0.1 else None
        return plain, tokens, leaves

    def _ask(self, plain: bool, tokens: int, leaves: int | None) -> Answer:
        if plain:
            return self._crowd.ask_for_one_piece(tokens=tokens)
        [answer] = self._crowd.ask(tokens=tokens, leave_after=leaves)
        return answer


def judge(answer: Answer) -> str:
    """How an answer ended: whole, left, cut, refused, told or unsure; any other end is a fault of ours."""
    error = answer.error
    if answer.whole:
        return "whole"
    if answer.left and error is None:
        return "left"
    if isinstance(error, openai.APIConnectionError):
        return "cut"
    if isinstance(error, openai.APIStatusError) and error.status_code in PASSING:
        # What was refused may be asked again, unless it may have been charged.
        assert error.response.headers["x-should-retry"] in ("true", "false"), error
        return "unsure" if answer.code == "not_recorded" else "refused"
    assert answer.said_in_band, f"this is no way to end: {answer}"
    return "told"


def run_round(
    plant: Plant,
    nemesis: Nemesis,
    *,
    chance: random.Random,
    seconds: float,
    rate: float,
    pause: Sequence[float],
) -> Tally:
    """Break things under load for so long, then have all ended and settled, and check everything."""
    nemesis.struck.clear()
    buyer = plant.cast.buyer
    books = Books(plant, buyer)
    traffic_chance, bank_chance = random.Random(chance.random()), random.Random(chance.random())
    bank = Bank(plant.cluster.url(), chance=bank_chance)
    with Crowd(plant.url(), buyer.key) as crowd, bank:
        with Traffic(crowd, chance=traffic_chance, rate=rate):
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                time.sleep(chance.uniform(*pause))
                nemesis.strike()
        nemesis.calm()
        crowd.wait_ended(crowd.answers, seconds=ENDED_SECONDS_MAX)
        crowd.wait_served()
        ends = [judge(answer) for answer in crowd.answers]
        lost = sum(
            not answer.job and end in ("cut", "left", "unsure")
            for answer, end in zip(crowd.answers, ends, strict=True)
        )
        books.check(crowd.answers, lost=lost, underway=UNDERWAY_TOKENS_MAX)
    charges = sum(bill.amount is not None for bill in books.read_bills().values())
    return Tally(Counter(ends), Counter(nemesis.struck), charges, bank.snapshots, rounds=1)


def ask_hledger(plant: Plant) -> None:
    """Have hledger recompute the exported ledger, where there is one."""
    hledger = shutil.which("hledger")
    if hledger is None:
        return
    journal = plant.home / "soak.journal"
    call_command("ledger", "export", "--format", "hledger", "--output", str(journal))
    checked = subprocess.run([hledger, "-f", journal, *HLEDGER_CHECKS], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def cut_logs(plant: Plant) -> None:
    """Keep what programs said from growing without end."""
    for path in plant.home.glob("*.log"):
        if path.stat().st_size > LOG_BYTES_MAX:
            os.truncate(path, 0)


def write_report(seed: int, tally: Tally, *, wrong: str | None) -> None:
    """Keep the seed with what came of it, also of a run that is still going on."""
    REPORT.parent.mkdir(exist_ok=True)
    told = {
        "seed": seed,
        "wrong": wrong,
        "rounds": tally.rounds,
        "answers": dict(tally.answers),
        "faults": dict(tally.faults),
        "charges": tally.charges,
        "snapshots": tally.snapshots,
    }
    REPORT.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def soak(plant: Plant, options: argparse.Namespace, tally: Tally) -> None:
    """Run round after round until the time is over; raises at the first thing that is wrong."""
    until = time.monotonic() + options.seconds
    with django_at(plant.cluster), laid_cables(plant) as cables:
        while time.monotonic() < until and tally.rounds < options.rounds:
            chance = random.Random(f"{options.seed} {tally.rounds}")
            seconds = min(options.round_seconds, max(5.0, until - time.monotonic()))
            nemesis = Nemesis(plant, cables, chance=chance, away=AWAY_SECONDS)
            try:
                done = run_round(
                    plant, nemesis, chance=chance, seconds=seconds, rate=options.rate, pause=PAUSE_SECONDS
                )
            finally:
                tell(f"round {tally.rounds}: {dict(nemesis.struck)}")
            ask_hledger(plant)
            cut_logs(plant)
            tally.add(done)
            tell(str(done))
            write_report(options.seed, tally, wrong=None)


def tell(text: str) -> None:
    """Say it at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line says; the seed is invented where none is given."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    seed = os.environ.get("FAULT_SEED") or str(random.SystemRandom().randrange(10**6))
    parser.add_argument("--seed", type=int, default=int(seed))
    parser.add_argument("--seconds", type=float, default=1800.0, help="how long in all")
    parser.add_argument("--rounds", type=int, default=10**6, help="at most so many rounds")
    parser.add_argument("--round-seconds", type=float, default=60.0, help="how long things break in each")
    parser.add_argument("--rate", type=float, default=6.0, help="requests a second, on average")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Soak, and give the exit status: 1 if anything was wrong."""
    options = read_options(arguments)
    tell(f"FAULT_SEED={options.seed}")
    tally = Tally()
    write_report(options.seed, tally, wrong=None)
    plant = make_plant(Path(tempfile.mkdtemp(prefix="jouleport-soak-")))
    try:
        plant.open()
        soak(plant, options, tally)
    except Exception as error:
        for name, words in plant.tell():
            tell(f"--- {name}\n{words}")
        tell(f"WRONG in round {tally.rounds} of FAULT_SEED={options.seed}: {error!r}")
        write_report(options.seed, tally, wrong=repr(error))
        raise
    finally:
        plant.close()
        tell(f"FAULT_SEED={options.seed}: {tally}")
    return 0
