"""Documents as PDF, set by typst in a process with limits; fonts come from a package only."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import noto_cjk_sans_otc  # type: ignore[import-untyped]

from core.errors import DomainError

SECONDS_MAX = 30
MEMORY_MIB = 1536
TYPESETTER = Path(__file__).with_name("typesetter.py")
FONTS = Path(noto_cjk_sans_otc.__file__).parent
# One thread: how many there are must not show in what is set, nor in the memory it takes.
ENVIRONMENT = {"RAYON_NUM_THREADS": "1", "LANG": "C.UTF-8"}


class NotRendered(DomainError):
    """A document that could not be set within its limits."""

    status = 503
    code = "not_rendered"
    message = "The document could not be set; its figures are in the CSV and the API."


def render(*, template: str, data: dict[str, Any], seconds: int = SECONDS_MAX) -> bytes:
    """
    Set `data` by a template of this package; the same data gives the same bytes.

    :raises NotRendered: if it takes too long or too much, or the template refuses the data
    """
    wanted = {"template": template, "data": data, "fonts": str(FONTS), "memory_mib": MEMORY_MIB}
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(TYPESETTER)],
            input=json.dumps(wanted).encode(),
            capture_output=True,
            timeout=seconds,
            env=ENVIRONMENT,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise NotRendered from error
    except subprocess.CalledProcessError as error:
        problem = NotRendered()
        problem.add_note(error.stderr.decode(errors="replace")[-2000:])
        raise problem from error
    return done.stdout
