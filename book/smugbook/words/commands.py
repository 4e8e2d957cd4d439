"""What the command line says at length."""

import argparse
from typing import Any

COMPUTE: dict[str, Any] = {
    "help": "train and evaluate a whole profile, several networks side by side",
    "description": """\
Trains and evaluates all networks of a profile: Table 1 first, then the controls, then the sweeps.
It needs no Snakemake, papermill or Jupyter. Whatever stops it, the next call goes on from there.
What is later in the plan fills processes that would be idle. On a CPU they share the cores, and
rounding depends on the number of threads: OMP_NUM_THREADS sets it. Each writes its own log below
build/PROFILE/computing.

Several GPUs or machines that share the folder train one network, each on its share of every batch:
torchrun --nproc-per-node 4 -m smugbook compute PROFILE --part NAME --device cuda
Their number must divide the profile's batch. A stop leaves torchrun's exit code, 1, whatever it is.

Left to `make reproduce`, which takes over what lies in build/PROFILE: the studies (harm,
stability, transfer, departures), the explorer's images, and the pages.

Exit codes: 0 all is done; 1 a part failed, the others went on; 2 a wrong argument; 75 the budget
is spent, call again. Processes stop at their next checkpoint, at a training's next updates or an
evaluation's next scan: leave them some time before a limit that kills.""",
    "formatter_class": argparse.RawDescriptionHelpFormatter,
}
"""Of the parser of ``smugbook compute``."""
