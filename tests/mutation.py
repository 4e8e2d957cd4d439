"""Mutants of the modules on which every number rests, each tried with the mirrored tests alone.

Run by ``make mutants``: what survives is judged in ``tests/MUTANTS.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

MODULES = {
    "operators": ["operators"],
    "consistency": ["consistency", "test_defaults.py"],
    "smoothing": ["test_smoothing.py"],
    "losses": ["test_losses.py"],
    "attacks": ["attacks", "consistency/test_range_space.py"],
}
"""Module or package of the library, and its tests below ``tests/smuglib``."""

SETTINGS = """
[tool.mutmut]
source_paths = ["smuglib"]
only_mutate = ["smuglib/{module}.py", "smuglib/{module}/*"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:xdist", "-k", "{chosen}"]
# A process that has loaded torch, but has run nothing, forks one for each mutant.
process_isolation = "forkserver"
# A message's wording is no behaviour; the condition that leads to it is mutated.
do_not_mutate_patterns = ['^ *raise\\b', '^ *warnings\\.warn\\b', '^ *f?"']
"""

# Not tried: slow ones, which every survivor would have to pass, and one that reads the source,
# which holds all mutants at once.
LEFT_OUT = (
    "gradient_and_its",
    "damage_grows",
    "ladder_is_a_ladder",
    "see_through",
    "warm_start_is",
    "seed_twice",
    "depends_on_torchs",
    "every_new_tensor",
    "shipped_weights",
    "compiled",
    "network_under",
)

LOADED_FIRST = "\nimport torch._dynamo, torch.fx.experimental.symbolic_shapes, torch.func\n"
"""Loaded by torch at first use, in seconds: every fork would do so."""

NO_TESTS = 33
"""Exit code that mutmut gives a mutant of a function that no test calls."""


def prepare(module: str, folder: Path) -> None:
    """Copy the library and its tests to a folder in which mutmut may write."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("smuglib", "tests"):
        shutil.rmtree(folder / name, ignore_errors=True)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    tests = [f"tests/smuglib/{path}" for path in MODULES[module]]
    with (folder / "tests" / "conftest.py").open("a", encoding="utf-8") as file:
        file.write(LOADED_FIRST)
    chosen = " and ".join(f"not {name}" for name in LEFT_OUT)
    settings = SETTINGS.format(module=module, tests=json.dumps(tests), chosen=chosen)
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text(text + settings, encoding="utf-8")


def mutmut(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mutmut", "run", *arguments]
    subprocess.run(command, cwd=folder, env=environment, check=False)


def outcomes(folder: Path) -> dict[str, int | None]:
    """Exit code of the tests by mutant; None where it has not been tried."""
    metas = (folder / "mutants").rglob("*.meta")
    return {
        name: code
        for meta in sorted(metas)
        for name, code in json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"].items()
    }


def survivors(folder: Path) -> list[str]:
    """Mutants that all tests passed, or that no test called."""
    return sorted(name for name, code in outcomes(folder).items() if code in (0, NO_TESTS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(MODULES), metavar="module")
    parser.add_argument(
        "--sample", type=int, help="try so many mutants of a module, drawn at random"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", action="store_true", help="try those that survived once more")
    parser.add_argument("--jobs", default=str(os.cpu_count()))
    chosen = parser.parse_args()
    lines = [f"{'module':<12} {'mutants':>8} {'tried':>6} {'killed':>7} {'survived':>9}"]
    for module in chosen.modules:
        folder = ROOT / "build" / "mutants" / module
        prepare(module, folder)
        names = survivors(folder) if chosen.again else []
        if chosen.sample:
            mutmut(folder, "none")  # lists the mutants
            known = sorted(outcomes(folder))
            names = random.Random(chosen.seed).sample(known, min(chosen.sample, len(known)))
        if names or not chosen.again:
            mutmut(folder, "--max-children", chosen.jobs, *names)
        n_mutants, n_survived = len(outcomes(folder)), len(survivors(folder))
        n_tried = sum(code is not None for code in outcomes(folder).values())
        n_killed = n_tried - n_survived
        lines.append(
            f"{module:<12} {n_mutants:>8} {n_tried:>6} {n_killed:>7} {n_survived:>9}"
            f"  {n_killed / max(n_tried, 1):.1%}"
        )
        lines += [f"  {name}" for name in survivors(folder)]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
