"""`python -m agent` is `jouleport-agent`."""

import sys

from agent.cli import main

sys.exit(main())
