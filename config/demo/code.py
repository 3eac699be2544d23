"""
The one-time code of the demo's operator, at this moment: `python -m config.demo.code`.

What an authenticator app would show for the secret that the demo keeps (RFC 6238, six digits).
"""

import base64
import hmac
import json
import struct
import sys
import time

from config import env

PERIOD_SECONDS = 30
DIGITS = 6


def find_code(secret: str, *, at: float) -> str:
    """The code of a Base32 secret at a moment (seconds of the Unix epoch)."""
    counter = struct.pack(">Q", int(at) // PERIOD_SECONDS)
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def main() -> int:
    """Print it; the exit status."""
    kept = sorted(env.home().glob("demo-*.json"), key=lambda path: path.stat().st_mtime)
    if not kept:
        print("There is no demo here: run `make demo` first.", file=sys.stderr)
        return 1
    print(find_code(json.loads(kept[-1].read_text(encoding="utf-8"))["one_time_secret"], at=time.time()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
