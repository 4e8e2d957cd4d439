"""Entry point of ``python -m smugbook``."""

import sys

from smugbook.cli import main

sys.exit(main())
