"""Settings of every test."""

from __future__ import annotations

import os

# No test may pass because of what an earlier run left in the user's cache, or write there. At
# import, so that it holds for whatever a test module does while it is collected.
os.environ["SMUGLIB_CACHE"] = "off"
