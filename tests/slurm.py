"""A Slurm of one node, started by a test: all that it keeps lies in one folder."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec

import pytest

PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
NEEDED = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel")

needs_slurm = pytest.mark.skipif(
    not all(shutil.which(name, path=PATH) for name in NEEDED)
    or find_spec("snakemake_executor_plugin_slurm") is None,
    reason="needs slurmctld, slurmd and slurm-client of Debian, and the extra `cluster`",
)

# No accounts, no munge, no cgroups: it runs in a container, for one user. What a node has is not
# asked, so that jobs which want the memory of a real cluster start here, too.
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
KillWait=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={n_jobs} RealMemory=1000000
PartitionName=main Nodes={host} Default=YES
"""

# The plugin's job step forgets every variable SLURM_*, and so where the configuration lies.
SRUN = """#!/bin/sh
SLURM_CONF={folder}/slurm.conf exec {srun} "$@"
"""


def wait_for(condition, seconds=900.0):
    """Wait until a condition holds, and return what it is."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return found


def _free_ports():
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(2)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


class Slurm:
    """Slurm's commands, and the environment in which they find this cluster."""

    def __init__(self, folder):
        self.environment = {
            "PATH": os.pathsep.join([str(folder), PATH]),
            "SLURM_CONF": str(folder / "slurm.conf"),
        }

    def __call__(self, *command):
        environment = {**os.environ, **self.environment}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        return done.stdout.split()

    def jobs(self, comment):
        """Numbers of the jobs that wait or run and whose comments have these words."""
        lines = zip(*[iter(self("squeue", "--noheader", "--format=%i %k"))] * 2, strict=True)
        return [number for number, words in lines if comment in words]


@contextmanager
def cluster(folder, n_jobs):
    """Run a Slurm of one node that has room for some jobs of one core; end with its jobs."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    host = socket.gethostname().partition(".")[0]
    names = {"user": pwd.getpwuid(os.getuid()).pw_name, "host": host, "folder": folder}
    configuration = CONFIGURATION.format(n_jobs=n_jobs, ports=_free_ports(), **names)
    (folder / "slurm.conf").write_text(configuration)
    (folder / "srun").write_text(SRUN.format(folder=folder, srun=shutil.which("srun", path=PATH)))
    (folder / "srun").chmod(0o755)
    slurm = Slurm(folder)
    environment = {**os.environ, **slurm.environment}
    with ExitStack() as stack:
        for daemon in ("slurmctld", "slurmd"):
            command = [shutil.which(daemon, path=PATH), "-D"]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            process = stack.enter_context(subprocess.Popen(command, env=environment, **quiet))
            stack.callback(process.terminate)
        wait_for(lambda: slurm("sinfo", "--noheader", "--format=%T") == ["idle"], seconds=60)
        try:
            yield slurm
        finally:
            slurm("scancel", "--state=PENDING", f"--user={names['user']}")
            slurm("scancel", f"--user={names['user']}")
            wait_for(lambda: not slurm("squeue", "--noheader"), seconds=60)
