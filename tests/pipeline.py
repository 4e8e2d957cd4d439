"""The pipeline at the smoke profile, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
SNAKEMAKE = Path(sys.executable).parent / "snakemake"


def copy_project(folder):
    """Copy what the pipeline needs; its folder is new."""
    folder.mkdir(exist_ok=True)
    for name in ("Snakefile", "_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, folder)
    ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in ("smuglib", "book"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    return folder


@contextmanager
def pipeline(folder, *words, **environment):
    """Run Snakemake at the smoke profile in a copy of the project; it ends with the block."""
    own = {**os.environ, "SMUGLIB_CACHE": str(folder / "cache"), **environment}
    # The copy's packages, before those that are installed.
    own["PYTHONPATH"] = os.pathsep.join([str(folder), str(folder / "book")])
    command = [SNAKEMAKE, *words, "--config", "profile=smoke"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=folder, text=True, env=own, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def run_pipeline(folder, *words, **environment):
    """Run it to its end, which must be a good one."""
    with pipeline(folder, *words, **environment) as process:
        said = process.communicate()[0]
        assert process.returncode == 0, said[-8000:]


def run_smoke(folder):
    """Run the whole pipeline at the smoke profile, from the simulator to the book."""
    run_pipeline(copy_project(folder), "reproduce", "--cores", "2")
