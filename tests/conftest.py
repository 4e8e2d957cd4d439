"""Settings of every test, and what several of them share."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests.pipeline import run_smoke

# No test may pass because of what an earlier run left in the user's cache, or write there. At
# import, so that it holds for whatever a test module does while it is collected.
os.environ["SMUGLIB_CACHE"] = "off"

# Reproducible and small, for two slow cores; `--hypothesis-profile=long` looks for new examples.
settings.register_profile("suite", max_examples=8, deadline=None, derandomize=True, database=None)
settings.register_profile("long", max_examples=400, deadline=None, database=None)
settings.load_profile("suite")


def pytest_collection_modifyitems(items):
    """Begin with what takes longest: begun last, it would keep one core waiting for the other."""
    long = ("book", "long")
    items.sort(key=lambda item: not any(map(item.get_closest_marker, long)))


@pytest.fixture(scope="session")
def smoke_book(tmp_path_factory):
    """Folder in which the pipeline ran at the smoke profile, from the simulator to the book.

    It takes minutes, and workers share no fixtures: its tests are one ``xdist_group``.
    """
    folder = tmp_path_factory.mktemp("smoke")
    run_smoke(folder)
    return folder


@pytest.fixture(autouse=True)
def no_power_loss(monkeypatch):
    """Do not wait for the disk: a test that is about losing power brings its own ``os.fsync``."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)
