"""Runs the soak: `python -m tests.faults --help`."""

import sys

# First, for the environment that all tests have; its servers are not started.
from tests import conftest
from tests.faults import soak

try:
    sys.exit(soak.main(sys.argv[1:]))
finally:
    conftest.pytest_unconfigure()
