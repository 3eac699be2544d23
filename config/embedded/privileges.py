"""
PostgreSQL refuses to run as root. Three ways to obey without making a user or loosening any folder:

* not root: nothing to do;
* root with user namespaces: the server is `nobody` in a namespace of its own and root outside, so its data
  stays root's, mode 0700;
* root without user namespaces (most containers): the server runs as `nobody`, and its data lives where
  `nobody` may go.
"""

import functools
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from config.processes import NOBODY


def enter_user_namespace() -> None:
    """Become nobody inside a new user namespace; runs in the child, before exec."""
    os.unshare(os.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} 0 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} 0 1", encoding="ascii")


@functools.cache
def namespaces_allowed() -> bool:
    """Whether this machine lets root make user namespaces."""
    if not hasattr(os, "unshare"):
        return False
    try:
        subprocess.run(["/bin/true"], preexec_fn=enter_user_namespace, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def shedding() -> Callable[[], None] | None:
    """What a child must do before exec, if anything."""
    return enter_user_namespace if os.geteuid() == 0 and namespaces_allowed() else None


def substitute_user() -> str | None:
    """The user to run as where namespaces are forbidden."""
    return "nobody" if os.geteuid() == 0 and not namespaces_allowed() else None
