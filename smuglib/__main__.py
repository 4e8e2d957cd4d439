"""Entry point of ``python -m smuglib``."""

import sys

from smuglib.cli import main

sys.exit(main())
