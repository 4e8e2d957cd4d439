"""Controls: trainings and evaluations that differ from the methods of the book in one thing.

Each lies in ``variants/<label>`` of its profile (see `smugbook.results.store.Store.variant`). Where
λ is learned, a control of training has as many updates as the methods. Elsewhere it has a stated
fraction of them, and so has its baseline: differences are taken among controls, not to the fully
trained methods; a second seed and a longer training are compared with these.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import pandas as pd

from smugbook.profiles import STOPS, Profile
from smugbook.results.store import Store
from smugbook.words.labels import METHOD_LABELS
from smugbook.words.numbers import strength
from smuglib import checks
from smuglib.evaluation import scores
from smuglib.methods import METHODS
from smuglib.methods import SIGMAS as METHOD_SIGMAS

UPDATES_FRACTION = 0.3
"""Updates of a control's fine-tuning, as a fraction of the profile's."""

SIGMAS = (0.01, 0.02, 0.05, 0.1)
"""Noise levels of the sweep over σ."""

WEIGHTS = (0.1, 10.0)
"""Reconstruction weights λ_ℓ beside the profile's 1."""

JITTER = 0.02
"""Noise of the jittered MoDL at λ = 1, from the trials that preceded this book."""

JITTERED = f"MoDL, jitter {JITTER:g}"

JITTERS = (0.002, 0.02)
"""Other strengths of jitter that are tried where λ is learned: see `jitter_at`."""

EPSILONS = tuple(value / 255 for value in (0.5, 1, 2))
"""Strengths of the attack in training that are tried."""

LAMS = (0.02, 0.05, 0.2)
"""Fixed λ beside the poster's 1 and the learned one."""

STABILITY_WEIGHTS = (10.0, 100.0, 1000.0)
"""λ_ℓ beside 1 where the stability loss refers to D(t): a large one keeps it from collapse."""

LENGTHS = (0.25, 0.5, 2)
"""Updates of full trainings, each with a whole schedule, in units of the profile's."""

EXTREMES = ("modl", "smug")
"""Methods that show what length, width and λ change: without smoothing, and with the poster's."""

SLOW = 1e-4
"""The poster's learning rate, since at the profiles' the stability loss to D(t) diverges."""

REFERENCES = {
    "target": "target",
    "denoised": "denoised target",
    "denoised_detached": "denoised target, no gradient",
}
"""References of the stability loss, with their names in a table."""

BASE_SIGMA = 0.05

SCENARIOS = ("clean", "adaptive_image", "adaptive_kspace_l2")
"""Scenarios of `smuglib.evaluation.table_scenarios` that every control goes through."""


@dataclass(frozen=True)
class Control:
    """One control, of a group in `QUESTIONS`.

    ``training`` holds parameters of the fine-tuning notebook beside method and σ; it is empty for
    weights that the profile has, or had after the fraction ``stopped`` of its updates.
    ``placement`` is that at test time, if not the method's own.
    """

    question: str
    name: str
    method: str
    sigma: float = BASE_SIGMA
    training: dict[str, object] = field(default_factory=dict)
    placement: str = ""
    stopped: float = 0.0

    @property
    def variant(self) -> str:
        """Folder below ``variants`` of its weights; empty for the profile's own."""
        changes = {"stopped": self.stopped} if self.stopped else self.training
        return ",".join(f"{name}={changes[name]}" for name in sorted(changes))

    @property
    def label(self) -> str:
        """Folder below ``variants`` of its records."""
        placed = f"placement={self.placement}" if self.placement else ""
        return ",".join(part for part in (self.variant, placed) if part)


QUESTIONS = {
    "seed": "a second training seed",
    "length": "MoDL trained for longer than SMUG",
    "smoothing": "smoothing switched off, or on, at test time",
    "budget": "the methods at the controls' budget",
    "pretraining": "without pre-training",
    "sigma": "σ of pre-training and smoothing",
    "weight": "reconstruction weight λ_ℓ",
    "reference": "reference of the unrolled stability loss",
    "lambda": "λ of data consistency, fixed at the poster's 1",
    "jitter": "MoDL with noise on its input in training",
    "poster": "the poster's σ, and λ = 1",
    "seeds": "further training seeds",
    "adversarial": "MoDL trained on attacked scans",
    "stop": "stopped early",
    "stability": "λ_ℓ with the reference D(t)",
    "mask": "columns of the mask at equal distances",
    "lambdas": "λ of data consistency, fixed at other values",
    "width": "channels of the denoiser",
}


POSTERS_WEIGHT: dict[str, object] = {"lam": 1.0, "lam_learned": False}
"""Changes of a profile whose λ is learned."""


def controls_of(profile: Profile) -> tuple[Control, ...]:
    """Return all controls of a profile, by what they take of its updates."""
    return full_controls(profile) if profile.lam_learned else _short_controls(profile)


def full_controls(profile: Profile) -> tuple[Control, ...]:
    """Return controls that are trained as long as the methods, the most important first."""
    poster, seeds, lam = min(METHOD_SIGMAS), (1, 2), profile.lam
    return (
        _jittered("jitter", "", {}, lam),
        *_methods("lambda", "", POSTERS_WEIGHT),
        _jittered("lambda", "", POSTERS_WEIGHT),
        *_methods("poster", "", POSTERS_WEIGHT, poster),
        _jittered("poster", "", POSTERS_WEIGHT, sigma=poster),
        *_methods("seed", "", {"seed": seeds[0]}),
        _jittered("seeds", f", seed {seeds[0]}", {"seed": seeds[0]}, lam),
        *_methods("seeds", f", seed {seeds[1]}", {"seed": seeds[1]}),
        _jittered("seeds", f", seed {seeds[1]}", {"seed": seeds[1]}, lam),
        *(
            control
            for seed in seeds
            for control in (
                *_methods("seeds", f", λ = 1, seed {seed}", {"seed": seed, **POSTERS_WEIGHT}),
                _jittered("seeds", f", λ = 1, seed {seed}", {"seed": seed, **POSTERS_WEIGHT}),
            )
        ),
        *_baselines(),
        *_losses(),
        *_extremes("mask", ", equispaced mask", {"density": "equispaced"}),
        *(control for lam in LAMS for control in _fixed(lam)),
        *(
            control
            for factor in LENGTHS
            for changes in [{"updates": round(factor * profile.updates)}]
            for control in _extremes("length", f", {factor:g} × the updates", changes)
        ),
        *(
            control
            for channels in (profile.channels // 2, 2 * profile.channels)
            for control in _extremes("width", f", {channels} channels", {"channels": channels})
        ),
    )


def _methods(
    question: str,
    words: str,
    changes: Mapping[str, object],
    sigma: float = BASE_SIGMA,
    names: Iterable[str] = METHODS,
) -> list[Control]:
    said = {name: f"{METHOD_LABELS[name]}{words}" for name in names}
    return [Control(question, said[name], name, sigma, {**changes}) for name in said]


def _extremes(question: str, words: str, changes: Mapping[str, object]) -> list[Control]:
    return _methods(question, words, changes, names=EXTREMES)


def jitter_at(lam: float) -> float:
    """Return the strength of jitter that suits a λ, or one that is learned from there on.

    Where nothing is measured, noise on z grows by 1/λ a step. Before the first update a λ of 0.05
    with jitter 0.02 has 2,000 times the loss of one without; with 0.005, 40 times.
    """
    return min(JITTER, lam / 10)


def _jittered(
    question: str,
    words: str,
    changes: Mapping[str, object],
    lam: float = 1.0,
    sigma: float = BASE_SIGMA,
) -> Control:
    jitter = jitter_at(lam)
    name = f"MoDL, jitter {jitter:g}{words}"
    return Control(question, name, "modl", sigma, {"jitter": jitter, **changes})


def _baselines() -> Iterator[Control]:
    """Yield what else could protect: no pre-training, noise, attacks in training, early stops."""
    yield from _extremes("pretraining", "", {"pretrained": False})
    for jitter in JITTERS:
        name = f"MoDL, jitter {jitter:g}"
        yield Control("jitter", name, "modl", training={"jitter": jitter})
    for epsilon in EPSILONS:
        words = f", adversarial, ε = {strength(epsilon)}"
        yield from _methods("adversarial", words, {"adversarial": epsilon}, names=("modl",))
    for stopped in STOPS:
        for method in EXTREMES:
            name = f"{METHOD_LABELS[method]}, {stopped:g} of the updates"
            yield Control("stop", name, method, stopped=stopped)


def _losses() -> Iterator[Control]:
    """Yield the stability loss to other references, at a rate at which it trains."""
    slow: dict[str, object] = {"learning_rate": SLOW}
    for reference, name in REFERENCES.items():
        changes = slow if reference == "target" else {**slow, "reference": reference}
        yield Control("reference", name, "smug", training=changes)
    for weight in STABILITY_WEIGHTS:
        changes = {**slow, "reference": "denoised", "reconstruction_weight": weight}
        yield Control("stability", f"λ of ℓ = {weight:g}, D(t)", "smug", training=changes)


def _fixed(lam: float) -> list[Control]:
    """Return methods with and without smoothing, and with jitter, at a fixed λ."""
    changes = {"lam": lam, "lam_learned": False}
    words = f", λ = {lam:g}"
    return [*_extremes("lambdas", words, changes), _jittered("lambdas", words, changes, lam)]


def _short_controls(profile: Profile) -> tuple[Control, ...]:
    """Return controls with a fraction of the methods' updates, and those that they explain."""
    twice: dict[str, object] = {"updates": 2 * profile.updates}
    short: dict[str, object] = {"updates": max(1, round(UPDATES_FRACTION * profile.updates))}
    return (
        *(Control("seed", method, method, training={"seed": 1}) for method in METHODS),
        Control("length", "MoDL, twice the updates", "modl", training=twice),
        Control("smoothing", "SMUG’s weights, smoothing off", "smug", placement="none"),
        Control("smoothing", "MoDL’s weights, smoothed as SMUG", "modl", placement="denoiser"),
        *(Control("budget", method, method, training=short) for method in METHODS),
        Control("budget", JITTERED, "modl", training={**short, "jitter": JITTER}),
        *(
            Control("pretraining", method, method, training={**short, "pretrained": False})
            for method in METHODS
        ),
        *(Control("sigma", f"σ = {sigma:g}", "smug", sigma, short) for sigma in SIGMAS),
        *(
            Control(
                "weight", f"λ of ℓ = {weight:g}", "smug",
                training={**short, "reconstruction_weight": weight},
            )
            for weight in WEIGHTS
        ),
        *(
            Control(
                "reference", name, "smug",
                training={**short, "learning_rate": SLOW, "reference": reference},
            )
            for reference, name in REFERENCES.items()
        ),
    )  # fmt: skip


def read_control(store: Store, control: Control) -> pd.DataFrame | None:
    """Read the records of a control."""
    variant = store.named_variant(control.label, missing_ok=True)
    path = variant.records(control.method, control.sigma)
    if not path.is_file():
        return None
    frame = scores.read(path)
    checks.one_of("method", frame["method"].iloc[0], (control.method,))
    return frame
