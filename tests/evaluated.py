"""Scans and scenarios of quick evaluations."""

from __future__ import annotations

from smuglib.evaluation import Scenario

QUICK = {"attack_steps": 2, "attack_samples": 1}
ADAPTIVE = Scenario("adaptive", "adaptive", 0.02, **QUICK)
OPTIONS = {"method": "smug", "training_sigma": 0.05, "progress": False}
