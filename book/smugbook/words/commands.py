"""What the command line says at length."""

COMPUTE = """\
Trains and evaluates all networks of a profile: Table 1 first, then the controls, then the sweeps.
It needs no Snakemake, papermill or Jupyter. Whatever stops it, the next call goes on from there.

Left to `make reproduce`, which takes over what lies in build/PROFILE: the studies (harm,
stability, transfer, departures), the explorer's images, and the pages.

Exit codes: 0 all is done; 1 a part failed, the others went on; 2 a wrong argument; 75 the budget
is spent, call again. Processes stop at their next checkpoint, at a training's next updates or an
evaluation's next scan: leave them some time before a limit that kills."""
