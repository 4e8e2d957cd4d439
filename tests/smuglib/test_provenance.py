"""Provenance names the commit, the versions and the device."""

from __future__ import annotations

import json
import subprocess

import numpy
import torch

from smuglib import provenance


def test_a_description_is_json_and_names_versions_and_device():
    described = json.loads(json.dumps(provenance.describe(torch.device("cpu"))))
    assert described.keys() == {"commit", "versions", "device", "time"}
    assert described["versions"]["numpy"] == numpy.__version__
    assert "CPU" in described["device"]
    assert "threads" in described["device"]
    assert described["time"].endswith("+00:00")


def test_a_package_that_is_missing_is_said_to_be(monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGES", ("no-such-package",))
    assert provenance.versions()["no-such-package"] == "not installed"


def test_the_commit_is_marked_where_tracked_files_changed(monkeypatch):
    answers = {"rev-parse": "abc123", "status": " M smuglib/models.py"}
    monkeypatch.setattr(provenance, "_git", lambda root, command, *rest: answers[command])
    assert provenance.commit() == "abc123+dirty"
    answers["status"] = ""
    assert provenance.commit() == "abc123"


def test_outside_a_checkout_the_commit_is_unknown(monkeypatch):
    def fails(*arguments):
        raise subprocess.CalledProcessError(128, "git")

    monkeypatch.setattr(provenance, "_git", fails)
    assert provenance.commit() == "unknown"
