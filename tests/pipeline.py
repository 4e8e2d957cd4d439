"""The whole pipeline at the smoke profile, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SNAKEMAKE = Path(sys.executable).parent / "snakemake"


def run_smoke(folder):
    """Run the whole pipeline at the smoke profile, from the simulator to the book."""
    for name in ("Snakefile", "_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, folder)
    ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in ("smuglib", "book"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    command = [SNAKEMAKE, "reproduce", "--cores", "2", "--config", "profile=smoke"]
    environment = {**os.environ, "SMUGLIB_CACHE": str(folder / "cache")}
    # The copy's packages, before those that are installed.
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), str(folder / "book")])
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
