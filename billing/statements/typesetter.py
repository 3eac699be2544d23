"""
Sets one document and ends: a program of its own, so that its time and memory can be limited.

Reads JSON with `template`, `data`, `fonts` and `memory_mib` from standard input and writes a PDF to standard
output. Templates lie beside it; it imports nothing of this project and opens no connection.
"""

import json
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parent / "templates"


def main() -> None:
    """Set what standard input describes."""
    wanted = json.load(sys.stdin)
    memory = wanted["memory_mib"] << 20
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Imported under the limit.
    import typst

    pdf = typst.compile(
        str(TEMPLATES / wanted["template"]),
        root=str(TEMPLATES),
        font_paths=[wanted["fonts"]],
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(wanted["data"])},
        # The bytes follow from what is printed alone.
        timestamp=datetime(2000, 1, 1, tzinfo=UTC),
    )
    sys.stdout.buffer.write(pdf)


if __name__ == "__main__":
    main()
