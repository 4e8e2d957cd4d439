"""Command line: ``python -m smugbook COMMAND``; ``--help`` lists the commands."""

import argparse
import io
import os
import sys
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from smugbook import profiles
from smugbook.notebooks import combinations, contents, forks, processes, run
from smugbook.notebooks.parameters import Parameter
from smugbook.pages import folders
from smugbook.paths import project_root
from smugbook.words.commands import COMPUTE
from smuglib import checks
from smuglib.files import locked


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal without Greek letters shows an escape instead of a traceback.
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    standby = os.environ.pop(forks.VARIABLE, None)
    if standby and options.command in FORKED:
        code = forks.hand_over(standby, "command", arguments)
        if code is not None:
            return code
    command: Callable[[argparse.Namespace], int | None] = options.command
    processes.end_with_parent()
    processes.need_home()
    try:
        return command(options) or 0
    except KeyboardInterrupt:
        print("error: stopped", file=sys.stderr)
        return 130
    except run.NotebookError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="smugbook", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    chapter = commands.add_parser("chapter", help="execute a chapter of the book, by name")
    chapter.add_argument("name", nargs="?", help="such as table1; omit it with --list")
    chapter.add_argument("--no-page", action="store_true", help="write the notebook alone")
    chapter.add_argument("--open", action="store_true", help="open the page in a browser")
    chapter.set_defaults(command=_chapter)

    sweep = commands.add_parser("sweep", help="execute a chapter at every combination of values")
    sweep.add_argument("name", help="the chapter")
    sweep.add_argument("-j", "--jobs", type=int, default=os.cpu_count(), help="how many at once")
    sweep.add_argument("-n", "--dry-run", action="store_true", help="list them, and stop")
    sweep.set_defaults(command=_sweep)

    notebook = commands.add_parser("notebook", help="execute any parameterized notebook")
    notebook.add_argument("path", type=Path)
    notebook.set_defaults(command=_notebook)

    for command in (chapter, sweep, notebook):
        command.add_argument(
            "-p",
            dest="pairs",
            nargs=2,
            action="append",
            default=[],
            metavar=("NAME", "VALUE"),
            help="a parameter; numbers may be fractions such as 1/255; commas separate the "
            "elements of a list, and in a sweep the values of a number or a word",
        )
    for command in (chapter, notebook):
        command.add_argument("-o", "--output", type=Path, help="where the executed notebook goes")
        command.add_argument("--list", action="store_true", help="list what can be set, and stop")
        command.add_argument("--quiet", action="store_true", help="show no progress")

    simulate = commands.add_parser("simulate", help="write the hashes of a profile's scans")
    simulate.add_argument("--profile", default="default")
    simulate.add_argument("-o", "--output", type=Path, required=True)
    simulate.set_defaults(command=_simulate)

    compute = commands.add_parser("compute", **COMPUTE)
    compute.add_argument("profile", help="such as smoke, or smoke@volumes:FOLDER")
    compute.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    compute.add_argument("--jobs", type=int, default=1, help="processes at once, 1 by default")
    compute.add_argument("--budget", type=float, metavar="SECONDS", help="stop cleanly after them")
    compute.add_argument("--graphs", action="store_true", help="replay CUDA graphs of networks")
    compute.add_argument("--plan", action="store_true", help="say what is left to do, and stop")
    compute.add_argument("--part", help="compute one part of the plan alone, in this process")
    compute.set_defaults(command=_compute)

    explorer = commands.add_parser("explorer", help="compute the images of the static explorer")
    explorer.add_argument("--profile", default="default")
    explorer.add_argument("--results", default="shipped", help="whose weights: shipped or build")
    explorer.add_argument("--sigma", type=float, default=0.05, help="noise of the training")
    explorer.add_argument("--epsilons", help="of noise and attack, such as 0.5/255,1/255")
    explorer.add_argument("--sampling-rates", help="such as 0.25,0.5")
    explorer.add_argument("--index", type=int, default=0, help="test slice")
    explorer.add_argument("--seed", type=int, default=0, help="of attacks and smoothing noise")
    explorer.add_argument("--device", default="auto", help="auto, cpu or cuda")
    explorer.add_argument("--quiet", action="store_true", help="show no progress")
    explorer.set_defaults(command=_explorer)

    assemble = commands.add_parser("assemble", help="gather the folder that Jupyter Book builds")
    assemble.add_argument("-o", "--output", type=Path, required=True)
    assemble.add_argument(
        "--page", dest="pages", nargs=2, action="append", default=[], metavar=("NAME", "EXECUTED")
    )
    assemble.add_argument("--card", type=Path, help="explorer.csv: draw the book's picture of it")
    assemble.set_defaults(command=_assemble)

    manifest = commands.add_parser("manifest", help="write the SHA-256 hashes of files")
    manifest.add_argument("-o", "--output", type=Path, required=True)
    manifest.add_argument("files", nargs="+", type=Path)
    manifest.set_defaults(command=_manifest)

    compare = commands.add_parser("compare", help="compare new records to the shipped ones")
    compare.add_argument("fresh", type=Path)
    compare.add_argument("shipped", type=Path)
    compare.set_defaults(command=_compare)
    return parser


def _chapter(options: argparse.Namespace) -> None:
    root = project_root()
    if options.name is None:
        if not options.list:
            contents.find_chapter(root, "")
        print(contents.contents(root))
        return
    path = contents.find_chapter(root, options.name)
    output = options.output or root / "build" / "chapters" / path.name
    if options.list:
        _list(path)
    elif options.no_page:
        _execute(path, output, options, cwd=root)
    else:
        _execute(path, output, options, cwd=root, page_of=root)


def _sweep(options: argparse.Namespace) -> None:
    root = project_root()
    path = contents.find_chapter(root, options.name)
    planned = combinations.product(path, combinations.alternatives(path, options.pairs))
    if options.jobs < 1:
        raise ValueError(f"jobs must be an integer >= 1, got {options.jobs}")
    if options.dry_run:
        print("\n".join(planned))
        return
    # Deferred: a refused value need not wait for pandas.
    from smugbook.notebooks import sweep
    from smugbook.pages.sweep import sweep_markdown, write_sweep
    from smugbook.results import sources

    shipped = [root / folder / "shipped" for folder in ("smuglib", "book")]
    code = sources.library_hash() + sources.folder_hash(*shipped)
    folder = root / "build" / "sweeps" / path.stem
    folders.check_folder(folder / "page" / "html")
    processes.hear_hangups()
    with locked(folder / ".sweep.lock", f"a sweep of {options.name}"):
        done = sweep.run_sweep(root, path, planned, code=code, n_jobs=options.jobs)
        table = sweep.gather(done, planned)
        files = write_sweep(root, done, table)
    print(sweep_markdown(table), *files, sep="\n")
    failed = int(table[sweep.ERROR].notna().sum()) if sweep.ERROR in table else 0
    if failed:
        raise run.NotebookError(f"{failed} of {len(table)} combinations failed: see {folder}")


def _notebook(options: argparse.Namespace) -> None:
    if options.list:
        _list(options.path)
    elif options.output is None:
        raise ValueError("-o OUTPUT is missing: the executed notebook needs a place")
    else:
        _execute(options.path, options.output, options)


def _list(path: Path) -> None:
    print(f"{contents.title(path)}\n\n{contents.parameter_table(path)}")


def _execute(
    path: Path,
    output: Path,
    options: argparse.Namespace,
    *,
    cwd: Path | None = None,
    page_of: Path | None = None,
) -> None:
    """Execute a notebook, and build its page if the root of its project is given."""
    known = run.parameters(path)
    values: dict[str, Any] = {}
    for name, text in options.pairs:
        if name in values:
            raise ValueError(f"parameter {name!r} is given twice")
        values[name] = run.find_parameter(known, name, path).parsed(text)
    run.check_values(path, values)
    run.check_output(path, output)
    if page_of is not None:
        folders.check_folder(output.with_suffix("") / "html")
    with locked(output.with_name(f".{output.name}.lock"), f"what makes {output}"):
        print(run.run_notebook(path, output, values, progress=not options.quiet, cwd=cwd))
        if page_of is None:
            return
        from smugbook.pages import standalone

        page = standalone.build_pages(page_of, output.with_suffix(""), {path.stem: output})
    print(page)
    if options.open:
        webbrowser.open(page.as_uri())


def _simulate(options: argparse.Namespace) -> None:
    from smugbook.results.scans import write_scan_hashes

    write_scan_hashes(options.output, profiles.get(options.profile))


def _compute(options: argparse.Namespace) -> int:
    n_jobs = checks.integer("jobs", options.jobs)
    seconds = checks.optional(checks.non_negative, "budget", options.budget)
    profiles.get(options.profile)
    from smugbook.experiments import computing
    from smuglib.training import Budget

    if options.graphs:
        os.environ[profiles.GRAPHS] = "1"
    if options.plan:
        print(computing.plan(options.profile, device=options.device))
        return 0
    where = {"device": options.device, "budget": Budget(seconds)}
    if options.part is not None:
        return computing.compute_part(options.profile, options.part, **where)
    return computing.compute_profile(options.profile, n_jobs=n_jobs, **where)


def _explorer(options: argparse.Namespace) -> None:
    from smugbook.explorers.static import grid
    from smugbook.results.store import Store
    from smuglib import provenance

    device = checks.device("device", options.device)
    given = {"epsilons": options.epsilons, "sampling_rates": options.sampling_rates}
    lists: dict[str, Any] = {name: _numbers(name, text) for name, text in given.items() if text}
    views = grid.Grid(**lists)
    found = grid.compute(
        Store.open(options.profile, options.results),
        profiles.get(options.profile),
        views,
        sigma=options.sigma,
        index=options.index,
        seed=options.seed,
        device=device,
        progress=not options.quiet,
    )
    path = Store.open(options.profile, "build").explorer(options.sigma)
    grid.write_explorer(found, path, {"profile": options.profile, **provenance.describe(device)})
    print(path)


def _numbers(name: str, text: str) -> tuple[float, ...]:
    parameter = Parameter(name, [], "list", "float", optional=False, comment="", written="")
    return tuple(parameter.parsed(text))


def _assemble(options: argparse.Namespace) -> None:
    from smugbook.explorers.static import card, grid
    from smugbook.pages import assembly

    pages = {name: Path(path) for name, path in options.pages}
    assembly.assemble(project_root(), options.output, pages)
    if options.card is not None:
        card.write_card(grid.read_explorer(options.card), options.output / assembly.CARD)


def _manifest(options: argparse.Namespace) -> None:
    from smugbook.results.sources import write_manifest

    write_manifest(options.output, options.files)


def _compare(options: argparse.Namespace) -> None:
    from smugbook.results.reproduction import compare_records

    print(f"{options.fresh} minus {options.shipped}:")
    print(compare_records(options.fresh, options.shipped).to_string(index=False))


FORKED = (_chapter, _notebook, _simulate, _compute, _explorer, _manifest)
"""Commands that a process which stands by runs in a fork."""
