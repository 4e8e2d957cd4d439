"""One chapter at many combinations of parameters.

`python -m smugbook sweep` writes the plan, runs this, and gathers the key numbers afterwards, so
that a combination that fails takes no other with it. The working folder is the sweep's own: its
lock does not stop another sweep, or the book.
"""

import json
import re
import shlex
import sys
from pathlib import Path

from smugbook.notebooks import combinations, forks
from smugbook.notebooks.run import code_hash
from smugbook.results import sources

PLAN = json.loads(Path(config["plan"]).read_text(encoding="utf-8"))
RUN = f"{sys.executable} -m smugbook"


onstart:
    forks.start()


wildcard_constraints:
    combination="|".join(map(re.escape, PLAN["combinations"])),


def options(wildcards):
    """Options of `smugbook chapter` for a combination."""
    values = PLAN["combinations"][wildcards.combination]
    return " ".join(
        f"-p {name} {shlex.quote(combinations.option(value))}" for name, value in values.items()
    )


rule all:
    input:
        [f"{name}.ipynb" for name in PLAN["combinations"]],


rule combination:
    input:
        notebook=ancient(PLAN["notebook"]),
    output:
        "{combination}.ipynb",
    log:
        "{combination}.log",
    params:
        code=code_hash(PLAN["notebook"]),
        library=sources.library_hash(),
        results=sources.folder_hash(*PLAN["shipped"]),
        options=options,
    threads: 1
    shell:
        "{RUN} chapter {PLAN[chapter]} --quiet --no-page -o '{output}' {params.options} > '{log}' 2>&1"
