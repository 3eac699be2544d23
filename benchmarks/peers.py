"""
The gateways of others and a plain reverse proxy, in front of the same upstream as ours.

Each is skipped, with the reason on standard error, where it cannot be had. LiteLLM is installed into an
environment of its own (.tools/litellm) and Portkey by npm (.tools/portkey), pinned with hashes, when they are
first measured; nginx is the machine's own.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import programs
from benchmarks.exchange import REPOSITORY
from config.processes import NotReady

TOOLS = REPOSITORY / ".tools"
PINS = REPOSITORY / "benchmarks/peers"
UV = TOOLS / "uv/bin/uv"
UPSTREAM_KEY = "known-to-benchmarks-only"
NGINX = """
daemon off; master_process on; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    upstream relay {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://relay; proxy_http_version 1.1; proxy_set_header connection "";
            proxy_buffering off;
        }}
    }}
}}
"""
LITELLM = """
model_list:
  - model_name: simulated-small
    litellm_params:
      model: openai/simulated-small
      api_base: http://127.0.0.1:{upstream}/v1
      api_key: {key}
general_settings:
  master_key: sk-{key}
litellm_settings:
  telemetry: false
  num_retries: 0
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A server under load. `tokens` replaces the buyers' keys, `headers` are sent with every request."""

    name: str
    port: int
    pid: int
    tokens: Path
    headers: tuple[str, ...] = ()


class Missing(Exception):
    """A peer cannot be had here; the message says why."""


@contextmanager
def open_peers(*, upstream: int, folder: Path, tokens: Path) -> Iterator[list[Target]]:
    """Start every peer that can be had, in front of the upstream at this port."""
    found: list[Target] = []
    with ExitStack() as stack:
        for name, opener in PEERS.items():
            try:
                found.append(stack.enter_context(opener(upstream, folder, tokens)))
            except (Missing, OSError, subprocess.CalledProcessError, NotReady) as error:
                print(f"skipped {name}: {explain(error)}", file=sys.stderr, flush=True)
        yield found


def explain(error: Exception) -> str:
    """Why a peer is not there, with what its installer said."""
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else None
    return f"{error}\n{said}" if said else str(error)


@contextmanager
def _open_nginx(upstream: int, folder: Path, tokens: Path) -> Iterator[Target]:
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if program is None:
        raise Missing("nginx is not installed (apt install nginx-light)")
    port = programs.free_port()
    file = folder / "nginx.conf"
    file.write_text(NGINX.format(folder=folder, port=port, upstream=upstream), encoding="utf-8")
    argv = [program, "-c", str(file), "-p", str(folder)]
    with programs.listen("nginx", argv, port=port, folder=folder, environ={}) as pid:
        yield Target("nginx", port, pid, tokens)


@contextmanager
def _open_litellm(upstream: int, folder: Path, _tokens: Path) -> Iterator[Target]:
    home = TOOLS / "litellm"
    _install(home, PINS / "litellm.lock", _sync)
    port = programs.free_port()
    config = folder / "litellm.yaml"
    config.write_text(LITELLM.format(upstream=upstream, key=UPSTREAM_KEY), encoding="utf-8")
    keys = folder / "litellm.tokens"
    keys.write_text(f"sk-{UPSTREAM_KEY}", encoding="utf-8")
    # What this machine may have in DATABASE_URL is not for it.
    argv = [
        "env",
        "-u",
        "DATABASE_URL",
        str(home / "bin/litellm"),
        "--config",
        str(config),
        "--host",
        "127.0.0.1",
    ]
    argv += ["--port", str(port), "--num_workers", "1"]
    environ = {
        # Without this it fetches its list of prices from elsewhere.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
    }
    with programs.listen("litellm", argv, port=port, folder=folder, environ=environ) as pid:
        yield Target("LiteLLM", port, pid, keys)


@contextmanager
def _open_portkey(upstream: int, folder: Path, tokens: Path) -> Iterator[Target]:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        raise Missing("node and npm are not on PATH (apt install nodejs npm)")
    home = TOOLS / "portkey"
    _install(home, PINS / "portkey/package-lock.json", _install_portkey)
    port = programs.free_port()
    argv = [node, str(home / "node_modules/@portkey-ai/gateway/build/start-server.js")]
    argv += [f"--port={port}", "--headless"]
    environ = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    headers = ("x-portkey-provider: openai", f"x-portkey-custom-host: http://127.0.0.1:{upstream}/v1")
    with programs.listen("portkey", argv, port=port, folder=folder, environ=environ) as pid:
        yield Target("Portkey", port, pid, tokens, headers)


def install_hordak() -> str:
    """
    The Python that has django-hordak.

    :raises CalledProcessError: it cannot be installed; see `explain`
    """
    home = TOOLS / "hordak"
    _install(home, PINS / "hordak.lock", _sync)
    return str(home / "bin/python")


def _install(home: Path, pins: Path, install: Callable[[Path], None]) -> None:
    """Install a peer unless exactly this was installed before."""
    stamp = home / "pins"
    if stamp.exists() and stamp.read_bytes() == pins.read_bytes():
        return
    print(f"installing {home.name} into {home.relative_to(REPOSITORY)} ...", file=sys.stderr, flush=True)
    shutil.rmtree(home, ignore_errors=True)
    install(home)
    stamp.write_bytes(pins.read_bytes())


def _sync(home: Path) -> None:
    python = home / "bin/python"
    _call([str(UV), "venv", "--quiet", "--python", str(TOOLS / "uv/bin/python"), str(home)])
    pins = str(PINS / f"{home.name}.lock")
    sync = ["pip", "sync", "--quiet", "--compile-bytecode", "--require-hashes", "--python", str(python), pins]
    _call([str(UV), *sync])


def _install_portkey(home: Path) -> None:
    home.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PINS / "portkey" / name, home / name)
    _call(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], folder=home)


def _call(argv: list[str], *, folder: Path = REPOSITORY) -> None:
    subprocess.run(argv, check=True, cwd=folder, capture_output=True, text=True)


PEERS = {"nginx": _open_nginx, "LiteLLM": _open_litellm, "Portkey": _open_portkey}
