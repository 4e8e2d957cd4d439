"""Entry point of ``python -m smugbook``."""

from __future__ import annotations

import sys

from smugbook.cli import main

sys.exit(main())
