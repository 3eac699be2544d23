"""
A PostgreSQL whose data lies on a small file system of its own, which a test may fill and empty.

The file system is a tmpfs in user and mount namespaces that a holder keeps while the server dies and comes
back. Nobody else sees it, no right of root is needed, and it goes with its holder.
"""

import contextlib
import errno
import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from config.embedded import postgres, privileges
from config.processes import Program

BLOCK = b"\0" * 65_536
HOLD = 'mount -t tmpfs -o size="$1",mode=0700 tmpfs "$2" && echo ready && exec sleep infinity'


@functools.cache
def explain_forbidden() -> str:
    """Why this machine lets nobody make such a file system; empty if it does."""
    probe = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    if shutil.which("unshare") is None:
        return "there is no unshare here"
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


class Disk:
    """A small file system over a folder, seen only by whoever enters."""

    def __init__(self, folder: Path, *, size: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._holder = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", HOLD, "hold", size, str(folder)],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n"

    @property
    def folder(self) -> Path:
        """The folder as it is in there."""
        return Path(f"/proc/{self._holder.pid}/root{self._folder}")

    @property
    def free(self) -> int:
        """Bytes that are left."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def enter(self) -> None:
        """Join the namespaces and shed root there; runs in a child, before exec."""
        pid = self._holder.pid
        kinds = (("user", os.CLONE_NEWUSER), ("mnt", os.CLONE_NEWNS))
        opened = [(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY), kind) for name, kind in kinds]
        for descriptor, kind in opened:
            os.setns(descriptor, kind)
        privileges.enter_user_namespace()

    def fill(self) -> None:
        """Leave no room at all."""
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            for size in (len(BLOCK), 4096):
                try:
                    while True:
                        filler.write(BLOCK[:size])
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def empty(self) -> None:
        """Give the room back."""
        (self.folder / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        """End it, with all that is on it."""
        with contextlib.suppress(ProcessLookupError):
            self._holder.kill()
        self._holder.wait()
        if self._holder.stdout is not None:
            self._holder.stdout.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallCluster(postgres.Cluster):
    """A cluster whose data is moved onto a small disk once it is made."""

    make_disk: Callable[[Path], Disk]
    disks: list[Disk]

    def prepare(self) -> None:
        """Make the data, and move it."""
        postgres.Cluster.prepare(self)
        if not self.disks:
            disk = self.make_disk(self.data)
            shutil.copytree(self.data, disk.folder, dirs_exist_ok=True, copy_function=shutil.copy2)
            disk.folder.chmod(0o700)
            self.disks.append(disk)

    def program(self) -> Program:
        """The server, on the disk; with little WAL, as the disk is small."""
        usual = postgres.Cluster.program(self)
        little = ("-c", "min_wal_size=32MB", "-c", "max_wal_size=64MB", "-c", "shared_buffers=32MB")
        return replace(usual, argv=[*usual.argv, *little], shed=self.disks[0].enter, user=None)


def make_cluster(home: Path, *, size: str) -> SmallCluster:
    """A cluster kept under `home` with its data on a disk of this size."""
    return SmallCluster(
        home=home,
        binaries=postgres.find_binaries(os.environ.get("JOULEPORT_PG_BIN", "")),
        make_disk=lambda folder: Disk(folder, size=size),
        disks=[],
    )
