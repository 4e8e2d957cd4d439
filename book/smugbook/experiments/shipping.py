"""What of a computed profile is shipped: all numbers, and the weights most worth their room.

Weights go in the order of their importance, while those of all profiles together stay below
`MOST_BYTES`: the methods at the first noise level with the denoiser that they start from; the
jitter that is chosen; the poster's setting; the other λ; and then one of each kind of control.
"""

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

from smugbook.experiments import controls, extent
from smugbook.experiments.candidates import choose_candidate, read_families, tabulate_candidates
from smugbook.experiments.controls import BASE_SIGMA, Control
from smugbook.results import Store
from smuglib.methods import METHODS

MOST_BYTES = 40 * 10**6
"""Of the shipped weights of all profiles."""

RESULTS = ("logs", "records", "harm", "stability", "transfer", "reach", "explorer", "tuning")
"""Folders of a profile that are shipped whole; of its variants the first two."""

GROUPS = ("poster", "lambda")
"""Questions all of whose weights are shipped if there is room."""


def weights_by_importance(profile: str) -> Iterator[Path]:
    """Yield the weights of a computed profile that are worth shipping, and are there."""
    own = Store.open(profile, "build")
    wanted = [own.weights(name, BASE_SIGMA) for name in (*METHODS, "pretrained")]
    wanted += [_weights(own, control) for control in _controls_by_importance(profile, own)]
    levels = [sigma for sigma in extent.noise_levels(profile) if sigma != BASE_SIGMA]
    wanted += [own.weights(name, sigma) for sigma in levels for name in (*METHODS, "pretrained")]
    yield from (path for path in dict.fromkeys(wanted) if path.is_file())


def _controls_by_importance(profile: str, own: Store) -> Iterator[Control]:
    every = [one for one in extent.profile_controls(profile) if one.variant]
    table = tabulate_candidates(read_families(own))
    families = {family for family, _ in table.index}
    chosen = {choose_candidate(table, family) for family in families & {"jitter", "adversarial"}}
    groups = {question: [c for c in every if c.question == question] for question in GROUPS}
    yield from (one for one in every if one.question == "jitter" and one.variant in chosen)
    yield from (control for group in groups.values() for control in group)
    for question in controls.QUESTIONS:
        kind = [one for one in every if one.question == question]
        yield from ([one for one in kind if one.variant in chosen] or kind)[:1]


def _weights(own: Store, control: Control) -> Path:
    variant = own.named_variant(control.variant, missing_ok=True)
    return variant.weights(control.method, control.sigma)


def ship(profile: str) -> tuple[list[Path], list[Path]]:
    """Take a computed profile as the shipped one; return the weights taken, and those left out."""
    own, target = Store.open(profile, "build"), Store.open(profile)
    library = target.weights("pretrained", BASE_SIGMA).parents[1]
    for path in library.rglob("*.safetensors"):
        path.unlink()
    others = library.parent.rglob("*.safetensors")
    room = MOST_BYTES - sum(path.stat().st_size for path in others)
    taken: list[Path] = []
    left_out: list[Path] = []
    for path in weights_by_importance(profile):
        fits = path.stat().st_size <= room
        (taken if fits else left_out).append(path)
        if fits:
            room -= path.stat().st_size
            place = library / path.relative_to(own.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    _copy_results(own.folder, target.folder, RESULTS)
    for variant in sorted((own.folder / "variants").glob("*/")):
        _copy_results(variant, target.folder / "variants" / variant.name, RESULTS[:2])
    return taken, left_out


def _copy_results(source: Path, target: Path, names: tuple[str, ...]) -> None:
    """Copy the folders of results that there are, without what their writers leave beside them."""
    hidden = shutil.ignore_patterns(".*")
    for name in names:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, ignore=hidden, dirs_exist_ok=True)


def main() -> None:
    """Ship the profile that the command line names."""
    parser = argparse.ArgumentParser(description="Take a computed profile as the shipped one.")
    parser.add_argument("profile")
    taken, left_out = ship(parser.parse_args().profile)
    print(f"shipped {len(taken)} weights")
    if left_out:
        names = ", ".join(f"{path.parents[1].name}/{path.stem}" for path in left_out)
        print(f"no room in {MOST_BYTES / 1e6:g} MB for {names}")


if __name__ == "__main__":
    main()
