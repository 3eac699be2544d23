"""Looks at something all the time, beside a test."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_SECONDS = 0.01


@contextmanager
def watched[T](look: Callable[[], T]) -> Iterator[list[T]]:
    """Look again and again while the block runs; gives what was seen, and raises what went wrong."""
    seen: list[T] = []
    wrong: list[BaseException] = []
    stopped = threading.Event()

    def run() -> None:
        try:
            while not stopped.wait(LOOK_SECONDS):
                seen.append(look())
        except BaseException as error:  # noqa: BLE001 - raised again below
            wrong.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield seen
    finally:
        stopped.set()
        thread.join()
    if wrong:
        raise wrong[0]
