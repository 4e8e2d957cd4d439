"""The Makefile and the Snakefile, wherever the project lies and however they were stopped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from smuglib import files

ROOT = Path(__file__).parents[2]
FILES = ("Makefile", "Snakefile", "_toc.yml", "requirements.lock", "pyproject.toml")


@pytest.fixture
def project(tmp_path):
    """The project's files in a folder with a space and letters of two scripts."""
    folder = tmp_path / "prö ject 本"
    folder.mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    (folder / "book").symlink_to(ROOT / "book")
    return folder


def make(project, *words, **environment):
    # `make test` hands its own settings on, which would make this one talk of its folder.
    outer = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    own = {**outer, **environment}
    command = ["make", *words]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, env=own)


def echo_for_python(project, venv):
    """An environment whose Python says what it is called with."""
    (project / venv / "bin").mkdir(parents=True)
    (project / venv / "bin" / "python").symlink_to("/bin/echo")
    (project / venv / ".smuglib-installed").touch()


@pytest.mark.parametrize("venv", [".venv", "{project}/my venv"])
def test_a_path_may_hold_spaces(project, venv):
    venv = venv.format(project=project)
    echo_for_python(project, venv)
    done = make(project, "chapter", f"VENV={venv}", "NAME=table1", "ARGS=-p epsilon 0.1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "-m smugbook chapter table1 -p epsilon 0.1"


@pytest.mark.parametrize(("words", "how"), [((), ""), (("LONG=1",), "--long ")])
def test_torture_keeps_its_record_in_the_build(project, words, how):
    echo_for_python(project, ".venv")
    done = make(project, "torture", *words, "ARGS=--seed 4")
    told = f"-m tests.torture {how}-o build/torture/torture.csv --seed 4"
    assert done.stdout.splitlines()[-1].split() == told.split()


@pytest.mark.parametrize("venv", [True, False])
def test_computing_needs_no_environment_of_its_own(project, venv):
    if venv:
        echo_for_python(project, ".venv")
    words = ["DEVICE=cpu", "JOBS=3", "BUDGET=60", "ARGS=--plan", *([] if venv else ["PYTHON=echo"])]
    done = make(project, "reproduce" if venv else "compute", "PROFILE=smoke", *words)
    told = "-m smugbook compute smoke --device cpu --jobs 3 --budget 60 --plan"
    assert done.stdout.split() == told.split(), done.stderr


@pytest.mark.parametrize(
    ("words", "told"), [((), ""), (("BUDGET=9", "OUT=a b"), "--budget 9 --output a b")]
)
def test_a_gpu_s_numbers_need_no_environment_either(project, words, told):
    done = make(project, "gpu", "PYTHON=echo", *words, OUT="", ARGS="")
    sections = "agreement,throughput,batches,floor,learned,compiled"
    expected = f"-m smugbench --device auto --only {sections} {told}"
    assert done.stdout.split() == expected.split(), done.stderr


@pytest.mark.parametrize(
    ("words", "where"), [([], "--cores 3"), (["CLUSTER=my own/slurm"], "--profile my own/slurm")]
)
def test_the_pipeline_runs_here_or_where_a_profile_says(project, words, where):
    echo_for_python(project, ".venv")
    (project / ".venv" / "bin" / "snakemake").symlink_to("/bin/echo")
    (project / ".venv" / ".smuglib-cluster-installed").touch()
    done = make(project, "reproduce", "PROFILE=smoke", "CORES=3", *words)
    told = f"{where} --rerun-incomplete --nolock reproduce --quiet rules --config profile=smoke"
    assert told in done.stdout.splitlines(), done.stderr


def test_data_names_the_source_of_scans(project):
    echo_for_python(project, ".venv")
    (project / ".venv" / "bin" / "snakemake").symlink_to("/bin/echo")
    words = ("PROFILE=paper", "DATA=fastmri:/a b")
    done = make(project, "compute", *words)
    assert done.stdout.startswith("-m smugbook compute paper@fastmri:/a b --device auto"), (
        done.stderr
    )
    done = make(project, "reproduce", *words)
    assert "--config profile=paper@fastmri:/a b" in done.stdout and done.returncode == 0


def test_clean_keeps_what_took_a_night(project):
    for name in ("build/default/weights", "build/sweeps", "build/shipped", "_build"):
        (project / name).mkdir(parents=True)
    assert make(project, "clean").returncode == 0
    assert {path.name for path in (project / "build").iterdir()} == {"default", "sweeps"}
    assert not (project / "_build").exists()


def test_nothing_is_shipped_from_a_folder_without_weights(project):
    done = make(project, "ship", "PROFILE=smoke")
    assert done.returncode and "holds no weights to ship" in done.stderr
    assert not (project / "smuglib").exists()


@pytest.mark.book
def test_a_second_pipeline_says_that_the_first_is_running(project):
    snakemake = Path(sys.executable).parent / "snakemake"
    command = [snakemake, "--nolock", "--cores", "1", "-n", "reproduce"]
    own = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "book")))}
    with files.locked(project / ".snakemake" / ".pipeline.lock"):
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, env=own)
    assert done.returncode == 1 and "pipeline is running already" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize("imports", [True, False])
def test_an_installation_checks_hashes_and_ends_with_a_torch_that_imports(project, imports):
    python = project / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" >> said\n[ "$1" != -c ] || exit {1 - imports}\n')
    python.chmod(0o755)
    done = make(project, "VENV=env", "env/.smuglib-installed")
    assert done.returncode == 0, done.stderr
    disk, first, test, *rest = (project / "said").read_text().splitlines()
    assert "--no-index" in disk and "--require-hashes -r build/torch.txt" in disk
    pinned = (project / "build" / "torch.txt").read_text().splitlines()
    assert pinned[0].startswith("torch==") and all("--hash=sha256:" in line for line in pinned[1:])
    assert "--require-hashes -r requirements.lock" in first and test == "-c import torch"
    assert [line.split()[-1] for line in rest] == [*(["torch==2.13.0"] * (not imports)), "."]
