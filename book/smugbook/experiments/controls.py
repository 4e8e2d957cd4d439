"""Controls: trainings and evaluations that differ from the methods of the book in one thing.

Each lies in ``variants/<label>`` of its profile (see `smugbook.results.store.Store.variant`). A
control of training is fine-tuned with a stated fraction of the methods' updates, and so is its
baseline: differences are taken among controls, not to the fully trained methods. A second seed and
a longer training are compared with these.
"""

from dataclasses import dataclass, field

import pandas as pd

from smugbook.profiles import Profile
from smugbook.results.store import Store
from smuglib import checks
from smuglib.evaluation import scores
from smuglib.methods import METHODS

UPDATES_FRACTION = 0.3
"""Updates of a control's fine-tuning, as a fraction of the profile's."""

SIGMAS = (0.01, 0.02, 0.05, 0.1)
"""Noise levels of the sweep over σ."""

WEIGHTS = (0.1, 10.0)
"""Reconstruction weights λ_ℓ beside the profile's 1."""

JITTER = 0.02
"""Noise of the jittered MoDL, from the trials that preceded this book."""

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
    weights that the profile has. ``placement`` is that at test time, if not the method's own.
    """

    question: str
    name: str
    method: str
    sigma: float = BASE_SIGMA
    training: dict[str, object] = field(default_factory=dict)
    placement: str = ""

    @property
    def label(self) -> str:
        """Folder below ``variants``."""
        parts = [f"{name}={self.training[name]}" for name in sorted(self.training)]
        return ",".join([*parts, f"placement={self.placement}"] if self.placement else parts)


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
}


POSTERS_WEIGHT: dict[str, object] = {"lam": 1.0, "lam_learned": False}
"""Changes of a profile whose λ is learned."""


def controls_of(profile: Profile) -> tuple[Control, ...]:
    """Return all controls of a profile, by what they take of its updates."""
    return _full_controls() if profile.lam_learned else _short_controls(profile)


def _full_controls() -> tuple[Control, ...]:
    """Return controls that are trained as long as the methods."""
    jitter: dict[str, object] = {"jitter": JITTER}
    name = f"MoDL, jitter {JITTER:g}"
    return (
        Control("jitter", name, "modl", training=jitter),
        *(Control("lambda", method, method, training=POSTERS_WEIGHT) for method in METHODS),
        Control("lambda", name, "modl", training={**jitter, **POSTERS_WEIGHT}),
    )


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
        Control("budget", f"MoDL, jitter {JITTER:g}", "modl", training={**short, "jitter": JITTER}),
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
