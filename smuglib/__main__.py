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


def _number(text: str) -> float:
    return float(Fraction(text))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="smuglib", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    reconstruct = commands.add_parser("reconstruct", help="images from files of k-space")
    attack = commands.add_parser("attack", help="what a small perturbation does to one of them")
    for command, run in ((reconstruct, _reconstruct), (attack, _attack)):
        command.set_defaults(command=run)
        add = command.add_argument
        add("path", type=Path, help="a file: .h5 (fastMRI, ISMRMRD), .npy, .npz, .cfl")
        add("-o", "--output", type=Path, required=True, help="the HDF5 file to write")
        add("--method", default="smug", help="modl, rs_e2e, smug_v0, smug, tv, zero_filled, or a "
            "file of weights (.safetensors); smug by default")  # fmt: skip
        add("--sigma", type=_number, default=0.05, help="noise of the shipped weights' training")
        add("--lam", type=_number, help="weight λ of data consistency, instead of the method's")
        add("--device", default="auto", help="auto, cpu, cuda or cuda:N")
        add("--seed", type=int, default=0, help="of all draws")
        add(
            "--center-fraction", type=_number, default=0.08, help="columns of a drawn mask's centre"
        )
        add("--force", action="store_true", help="overwrite an output that is not of this command")
    add = reconstruct.add_argument
    add("--sampling-rate", type=_number, help="undersample complete scans, such as to 0.25")
    add("--uncertainty", type=int, metavar="N", help="write the spread over N noise samples")
    add("--png", action="store_true", help="write a preview of every slice")
    add = attack.add_argument
    add("--sampling-rate", type=_number, default=0.25, help="of complete scans, by default 0.25")
    add("--domain", default="image", choices=("image", "kspace"), help="what is perturbed")
    add("--epsilon", type=_number, help="its size, such as 1/255 (image) or 0.02 (kspace)")
    add("--steps", type=int, dest="n_steps", help="of each of two ascents, by default 20")
    add("--slice", type=int, dest="index", help="index of the slice, by default the central one")
    return parser


def _reconstruct(options: argparse.Namespace) -> int:
    from smuglib.commands.reconstruct import load_method, reconstruct_file
    from smuglib.data.kspace import read_kspace

    pairs = _outputs(options.path, options.output)
    settings = _settings(options)
    net, n_failed = load_method(settings), 0
    for path, output in pairs:
        try:
            done = reconstruct_file(
                read_kspace(path), output, net, settings, png=options.png, force=options.force
            )
        except REFUSALS as error:
            print(f"error: {error}", file=sys.stderr)
            n_failed += 1
        else:
            print(output if done else f"{output} is finished already")
    if len(pairs) > 1 and n_failed:
        print(f"error: {n_failed} of {len(pairs)} files failed", file=sys.stderr)
    return int(n_failed > 0)


def _attack(options: argparse.Namespace) -> int:
    from smuglib.commands.attack import attack_file
    from smuglib.commands.reconstruct import load_method
    from smuglib.data.kspace import read_kspace

    file, settings = read_kspace(options.path), _settings(options)
    index = len(file) // 2 if options.index is None else options.index
    names = ("domain", "epsilon", "n_steps", "force")
    how = {name: getattr(options, name) for name in names}
    print(attack_file(file, index, options.output, load_method(settings), settings, **how))
    return 0


def _settings(options: argparse.Namespace) -> Any:  # noqa: ANN401
    from smuglib.commands.reconstruct import Settings

    given: dict[str, Any] = {
        field.name: getattr(options, field.name, None) for field in fields(Settings)
    }
    return Settings(**given)


def _outputs(path: Path, output: Path) -> list[tuple[Path, Path]]:
    """Return the files to read and to write: those of a folder, or one."""
    from smuglib.data.kspace import OPENERS

    if not path.is_dir():
        return [(path, output)]
    suffixes = set(OPENERS) - {".hdr"}
    # macOS lays a hidden "._name.h5" beside each file that it copies to another file system.
    found = sorted(
        file for file in path.iterdir()
        if file.suffix.lower() in suffixes and not file.name.startswith(".")
    )  # fmt: skip
    if not found:
        raise FileNotFoundError(f"folder {path} has no file of k-space: {', '.join(OPENERS)}")
    stems = [file.stem for file in found]
    if twice := {stem for stem in stems if stems.count(stem) > 1}:
        raise ValueError(f"files of one name would have one output: {', '.join(sorted(twice))}")
    return [(file, output / f"{file.stem}.h5") for file in found]


if __name__ == "__main__":
    sys.exit(main())
