"""The pipeline as jobs of a Slurm cluster, some of which are killed."""

from __future__ import annotations

import csv
import os
import signal

import psutil
import pytest

from smugbook.notebooks import forks, processes
from tests.pipeline import copy_project, pipeline, run_pipeline
from tests.slurm import cluster, needs_slurm, wait_for

METHODS = ("modl", "smug")
TARGETS = [f"build/smoke/records/{method}_s0.05.csv" for method in METHODS]
# The shipped profile, on a cluster that keeps no accounts, and asked more often than it need be.
COMMAND = [*TARGETS, "--profile", "book/slurm", "--rerun-incomplete", "--nolock"]
COMMAND += ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "3"]


def results(folder):
    """Weights and records, bit for bit, and logs without how long it took."""
    build = folder / "build" / "smoke"
    files = [*build.glob("weights/*.safetensors"), *build.glob("records/*.csv")]
    found = {path.relative_to(build): path.read_bytes() for path in files}
    for path in build.glob("logs/*.csv"):
        with path.open() as file:
            rows = [{**row, "seconds": ""} for row in csv.DictReader(file)]
        found[path.relative_to(build)] = rows
    return found


def processes_of(job):
    """The processes that belong to a job, with their environments."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if environment.get("SLURM_JOB_ID") == job:
            found.append((process, environment))
    return found


def notebook_of(job):
    """The process of a job that executes its notebook, with its environment."""
    for process, environment in processes_of(job):
        if "notebook" in process.cmdline():
            return process, environment
    return None


@pytest.mark.book
@pytest.mark.cluster
@needs_slurm
def test_killed_jobs_of_a_cluster_leave_what_a_local_run_makes(tmp_path):
    local, remote = copy_project(tmp_path / "local"), copy_project(tmp_path / "remote")
    run_pipeline(local, *TARGETS, "--cores", "2")
    build = remote / "build" / "smoke"
    with cluster(tmp_path / "slurm", n_jobs=2) as slurm:
        with pipeline(remote, *COMMAND, **slurm.environment) as snakemake:

            def wait_for_files(pattern):
                wait_for(lambda: snakemake.poll() is not None or [*build.glob(pattern)])
                assert snakemake.poll() is None, snakemake.stdout.read()[-8000:]

            # A training, as a user does it.
            wait_for_files("checkpoints/smug_*/state.safetensors")
            slurm("scancel", *slurm.jobs("finetune_wildcards_smoke_smug"))
            # An evaluation, as a node's failure does it: the Snakemake of the job ends, and nothing
            # is told to anyone. This baseline takes many seconds.
            wait_for_files("checkpoints/modl_*/tv.csv")
            (job,) = slurm.jobs("evaluate_wildcards_smoke_modl")
            notebook, environment = notebook_of(job)
            # No fork of a process that the submitting node has, and a parent within the job.
            parent = int(environment[processes.PARENT])
            assert forks.VARIABLE not in environment
            assert parent in [process.pid for process, _ in processes_of(job)]
            os.kill(parent, signal.SIGKILL)
            notebook.wait(timeout=30)
            said = snakemake.communicate(timeout=600)[0]
        assert snakemake.returncode == 1, said[-8000:]
        assert not any((remote / target).exists() for target in TARGETS), said[-8000:]
        trained = build / "weights" / "modl_s0.05.safetensors"
        when = trained.stat().st_mtime_ns
        run_pipeline(remote, *COMMAND, **slurm.environment)
    assert trained.stat().st_mtime_ns == when
    # A network more than each method's: the pre-trained one, which has no records.
    assert len(results(local)) == 2 * 3 + 2 and results(remote) == results(local)
