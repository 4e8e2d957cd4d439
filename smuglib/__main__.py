"""Command line: ``smuglib COMMAND``, or ``python -m smuglib COMMAND``; ``--help`` lists them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

REFUSALS = (ValueError, OSError, LookupError, TypeError, RuntimeError, ImportError, MemoryError)
"""Errors that are said in a line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 1 if a file failed, 2 if nothing could begin."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except KeyboardInterrupt:
        print("error: stopped; the same command goes on", file=sys.stderr)
        return 130
    except REFUSALS as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    def number(text: str) -> float:
        return float(Fraction(text))

    parser = argparse.ArgumentParser(prog="smuglib", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    reconstruct = commands.add_parser("reconstruct", help="images from files of k-space")
    attack = commands.add_parser("attack", help="what a small perturbation does to one of them")
    for command, run in ((reconstruct, _reconstruct), (attack, _attack)):
        command.set_defaults(command=run)
        add = command.add_argument
        add("path", type=Path, help="a file: .h5 (fastMRI, ISMRMRD), .npy, .npz, .cfl")
        add("-o", "--output", type=Path, required=True, help="the HDF5 file to write")
        known = "modl, rs_e2e, smug_v0, smug (default), tv, zero_filled, or a .safetensors file"
        add("--method", default="smug", help=known)
        add("--sigma", type=number, default=0.05, help="noise of the shipped weights' training")
        add("--lam", type=number, help="weight λ of data consistency, instead of the method's")
        add("--device", default="auto", help="auto, cpu, cuda or cuda:N")
        add("--seed", type=int, default=0, help="of all draws")
        add("--center-fraction", type=number, default=0.08, help="columns of a drawn mask's centre")
        add("--force", action="store_true", help="overwrite an output that is not of this command")
    add = reconstruct.add_argument
    add("--sampling-rate", type=number, help="undersample complete scans, such as to 0.25")
    add("--uncertainty", type=int, metavar="N", help="write the spread over N noise samples")
    add("--png", action="store_true", help="write a preview of every slice")
    add = attack.add_argument
    add("--sampling-rate", type=number, default=0.25, help="of complete scans, by default 0.25")
    add("--domain", default="image", choices=("image", "kspace"), help="what is perturbed")
    add("--epsilon", type=number, help="its size, such as 1/255 (image) or 0.02 (kspace)")
    add("--steps", type=int, dest="n_steps", help="of each of two ascents, by default 20")
    add("--slice", type=int, dest="index", help="index of the slice, by default the central one")
    return parser


def _reconstruct(options: argparse.Namespace) -> int:
    """Reconstruct a file, or each of a folder; return 1 if one failed."""
    from smuglib.commands.reconstruct import load_method, reconstruct_file
    from smuglib.data.kspace import read_kspace

    pairs, settings, failed = _outputs(options.path, options.output), _settings(options), 0
    net, how = load_method(settings), {"png": options.png, "force": options.force}
    for path, output in pairs:
        try:
            done = reconstruct_file(read_kspace(path), output, net, settings, **how)
        except REFUSALS as error:
            print(f"error: {error}", file=sys.stderr)
            failed += 1
        else:
            print(output if done else f"{output} is finished already")
    if len(pairs) > 1 and failed:
        print(f"error: {failed} of {len(pairs)} files failed", file=sys.stderr)
    return int(failed > 0)


def _attack(options: argparse.Namespace) -> int:
    from smuglib.commands.attack import attack_file
    from smuglib.commands.reconstruct import load_method
    from smuglib.data.kspace import read_kspace

    file, settings = read_kspace(options.path), _settings(options)
    index = len(file) // 2 if options.index is None else options.index
    how = {name: getattr(options, name) for name in ("domain", "epsilon", "n_steps", "force")}
    print(attack_file(file, index, options.output, load_method(settings), settings, **how))
    return 0


def _settings(options: argparse.Namespace) -> Any:  # noqa: ANN401
    from smuglib.commands.reconstruct import Settings

    given: dict[str, Any] = {one.name: getattr(options, one.name, None) for one in fields(Settings)}
    return Settings(**given)


def _outputs(path: Path, output: Path) -> list[tuple[Path, Path]]:
    """Return the files to read and to write: those of a folder, or one."""
    from smuglib.data.kspace import OPENERS

    if not path.is_dir():
        return [(path, output)]
    # macOS lays a hidden "._name.h5" beside each file that it copies to another file system.
    files = sorted(file for file in path.iterdir() if not file.name.startswith("."))
    found = [file for file in files if file.suffix.lower() in set(OPENERS) - {".hdr"}]
    if not found:
        raise FileNotFoundError(f"folder {path} has no file of k-space: {', '.join(OPENERS)}")
    stems = [file.stem for file in found]
    if twice := {stem for stem in stems if stems.count(stem) > 1}:
        raise ValueError(f"files of one name would have one output: {', '.join(sorted(twice))}")
    return [(file, output / f"{file.stem}.h5") for file in found]


if __name__ == "__main__":
    sys.exit(main())
