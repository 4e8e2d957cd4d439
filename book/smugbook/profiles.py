"""Profiles: every setting of a run in one frozen, validated object.

``smoke`` is for tests and CI, ``default`` is the book as shipped, ``head`` the same on scans like
real ones, trained for longer and with a learned λ; ``paper`` is the poster's setting. Another
source of scans follows the name, as in ``smoke@head``, ``paper@volumes:FOLDER`` and
``paper@fastmri:FOLDER``; a relative FOLDER is one of the project's.
A notebook's parameters override fields by name; an unknown or impossible value is refused
before anything is computed.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from smugbook.paths import project_root
from smuglib import checks
from smuglib.methods import REFERENCES

DENOISERS = ("didn", "unet", "dncnn")
"""Architectures of `smuglib.models.denoisers`, which only torch's importers know."""

GRAPHS = "SMUGBOOK_GRAPHS"
"""Environment variable by which `compute --graphs` tells its processes."""

NOISE = {"phantom": 0.002, "head": 0.011, "volumes": 0.011}
"""Noise of simulated measurements, by their source, for a profile of another source."""

FOLDERS = {"volumes": (".nii", ".nii.gz"), "fastmri": (".h5",)}
"""Sources that are folders, and how the names of the files in them end."""

DATA = (*NOISE, *FOLDERS)
"""Sources of scans; those in a folder are named ``volumes:FOLDER``."""

DENSITIES = ("variable", "uniform", "equispaced")
"""Those of `smuglib.sampling`, which only torch's importers know."""

STOPS = (1 / 20, 1 / 10, 1 / 4, 1 / 2)
"""Fractions of a method's updates after which its weights are kept as well: early stops."""

LATER = ("adversarial", "density")
"""Fields that joined when networks were trained: at their default, settings do not name them."""

PRECISIONS = ("float32", "bfloat16", "tf32")
"""Arithmetic of convolutions in training."""


@dataclass(frozen=True)
class Profile:
    """Settings of data, network, training and evaluation; phase encoding runs along the width."""

    name: str
    height: int
    width: int
    n_coils: int
    n_train: int
    n_validation: int
    n_test: int
    channels: int
    blocks: int
    n_steps: int
    n_samples: int
    pretraining_updates: int
    updates: int
    strip_height: int
    """Rows that training sees: data consistency decouples them, so a strip is an exact problem."""
    n_validations: int
    n_validation_used: int
    denoiser: str = "didn"
    data: str = "phantom"
    """Whose scans: smooth, skull-less brains (phantom), whole heads (head), or a folder's."""
    lam: float = 1.0
    lam_learned: bool = False
    """Whether fine-tuning learns λ with the network, from `lam` on."""
    noise: float = 0.002
    """On each part of k-space, for a phantom of maximum 1, or a head whose brain's median is 1."""
    sampling_rate: float = 0.25
    center_fraction: float = 0.08
    density: str = "variable"
    n_samples_training: int = 2
    pretraining_batch: int = 4
    batch: int = 1
    learning_rate: float = 5e-4
    clip_factor: float = 2.0
    """Largest norm of an update's gradient, in units of its running mean."""
    reconstruction_weight: float = 1.0
    reference: str = "target"
    """The poster writes D(t), but with that and λ_ℓ = 1 the loss is content to blur D(t) itself."""
    jitter: float = 0.0
    """Noise that fine-tuning adds to each part of zero-filled images, in place of smoothing."""
    adversarial: float = 0.0
    """ε of the attack, in ℓ∞ on each part, that fine-tuning adds to zero-filled images."""
    ema_decay: float = 0.0
    """Weight of the past in the moving average of the weights that is kept; 0: the weights."""
    precision: str = "float32"
    """Of training alone."""
    seed: int = 0
    mask_seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "int":
                checks.integer(field.name, value, minimum=0 if "seed" in field.name else 1)
            elif field.type == "float":
                may_be_zero = field.name in ("jitter", "adversarial", "ema_decay")
                (checks.non_negative if may_be_zero else checks.positive)(field.name, value)
        for name in ("height", "width", "strip_height"):
            checks.integer(name, getattr(self, name), minimum=32)
        if self.strip_height > self.height:
            raise ValueError(
                f"strip_height must be <= height {self.height}, got {self.strip_height}"
            )
        if self.n_validation_used > self.n_validation:
            raise ValueError(
                f"n_validation_used must be <= n_validation {self.n_validation}, "
                f"got {self.n_validation_used}"
            )
        checks.fraction("sampling_rate", self.sampling_rate)
        checks.fraction("center_fraction", self.center_fraction)
        checks.one_of("denoiser", self.denoiser, DENOISERS)
        checks.one_of("reference", self.reference, REFERENCES)
        checks.one_of("precision", self.precision, PRECISIONS)
        checks.one_of("density", self.density, DENSITIES)
        kind, folder = self.source
        if kind not in DATA or bool(folder) != (kind in FOLDERS):
            allowed = "'phantom', 'head', 'volumes:FOLDER', 'fastmri:FOLDER'"
            raise ValueError(f"data must be one of {allowed}, got {self.data!r}")
        checks.boolean("lam_learned", self.lam_learned)
        if self.ema_decay >= 1:
            raise ValueError(f"ema_decay must be < 1, got {self.ema_decay}")

    def replace(self, **overrides: Any) -> Profile:  # noqa: ANN401
        """Return these settings with fields changed, an integer taken where a float is expected."""
        types = {field.name: field.type for field in fields(self)}
        unknown = sorted(set(overrides) - set(types))
        if unknown:
            raise ValueError(
                f"unknown profile field {unknown[0]!r}: must be one of {sorted(types)}"
            )
        for name, value in overrides.items():
            if types[name] == "float" and isinstance(value, int) and not isinstance(value, bool):
                overrides[name] = float(value)
        return replace(self, **overrides)

    @property
    def settings(self) -> dict[str, Any]:
        """All fields, without those of `LATER` at their default: the settings of a training."""
        own = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {
            name: value
            for name, (value, usual) in own.items()
            if name not in LATER or value != usual
        }

    def snapshots(self) -> dict[float, int]:
        """Return the updates after which fine-tuning keeps weights, by fraction of `STOPS`."""
        return {stop: max(1, round(stop * self.updates)) for stop in STOPS}

    @property
    def source(self) -> tuple[str, str]:
        """Kind of source, and its folder where it is one."""
        kind, _, folder = str(self.data).partition(":")
        return kind, folder

    @property
    def folder(self) -> str:
        """Name of the folder of its results: another set of files in a folder has another one."""
        kind, folder = self.source
        return f"{base(self.name)}@{kind}-{fingerprint(*self.source)}" if folder else self.name

    @property
    def architecture(self) -> dict[str, str | int]:
        """Arguments of `smuglib.models.denoisers.make`."""
        return {"name": self.denoiser, "channels": self.channels, "blocks": self.blocks}

    @property
    def scan(self) -> dict[str, Any]:
        """Arguments of `smuglib.data.head` that describe the acquisition."""
        return {
            "height": self.height,
            "width": self.width,
            "n_coils": self.n_coils,
            "noise": self.noise,
            "sampling_rate": self.sampling_rate,
            "center_fraction": self.center_fraction,
            "mask_seed": self.mask_seed,
            "density": self.density,
        }


PROFILES = {
    "smoke": Profile(
        name="smoke", height=64, width=64, n_coils=4, n_train=8, n_validation=2, n_test=4,
        channels=8, blocks=1, n_steps=2, n_samples=2, pretraining_updates=4, updates=4,
        strip_height=32, n_validations=2, n_validation_used=2,
    ),
    "default": Profile(
        name="default", height=128, width=128, n_coils=8, n_train=400, n_validation=40, n_test=60,
        channels=32, blocks=2, n_steps=8, n_samples=10, pretraining_updates=2400, updates=2000,
        strip_height=64, n_validations=12, n_validation_used=8, precision="bfloat16",
    ),
    "head": Profile(
        name="head", height=128, width=128, n_coils=8, n_train=800, n_validation=40, n_test=60,
        channels=32, blocks=2, n_steps=8, n_samples=10, pretraining_updates=5000, updates=4400,
        strip_height=64, n_validations=20, n_validation_used=8,
        data="head", noise=0.011, lam=0.05, lam_learned=True, ema_decay=0.998,
    ),
    "paper": Profile(
        name="paper", height=320, width=320, n_coils=15, n_train=3000, n_validation=32, n_test=64,
        channels=64, blocks=2, n_steps=8, n_samples=10, pretraining_updates=30000, updates=45000,
        strip_height=320, n_validations=60, n_validation_used=32, n_samples_training=10, batch=2,
        learning_rate=1e-4, data="head", noise=0.011,
    ),
}  # fmt: skip


def use_graphs() -> bool:
    """Whether networks replay CUDA graphs where they can; not a setting, for no number changes."""
    return os.environ.get(GRAPHS) == "1"


def base(name: str) -> str:
    """Return the name of a profile without its source."""
    return name.partition("@")[0]


def get(name: str) -> Profile:
    """Return a named profile, with the scans of the source that follows an ``@``."""
    first, separator, data = name.partition("@") if isinstance(name, str) else (name, "", "")
    profile = PROFILES[checks.one_of("profile", first, PROFILES)]
    return _with_source(profile, data) if separator else profile


@lru_cache(maxsize=64)
def _with_source(profile: Profile, data: str) -> Profile:
    """Return a profile of another source; a folder that has fewer slices gives all that it has."""
    kind, _, folder = data.partition(":")
    place = f"{kind}:{project_root() / Path(folder).expanduser()}" if folder else data
    noise = profile.noise if kind == profile.source[0] else NOISE.get(kind, profile.noise)
    changed = profile.replace(name=f"{profile.name}@{place}", data=place, noise=noise)
    if not folder:
        return changed
    fingerprint(*changed.source)
    from smugbook import scan_folders  # torch's importers wait for a folder alone

    sizes = scan_folders.slice_counts(changed)
    limits = {field: min(getattr(profile, field), n) for field, n in sizes.items()}
    used = min(profile.n_validation_used, limits["n_validation"])
    return changed.replace(**limits, n_validation_used=used)


@lru_cache(maxsize=64)
def fingerprint(kind: str, folder: str) -> str:
    """Hash a folder's path and the names, sizes and times of its files, as a process first saw it.

    All that a process computes then lies in one place, even where files are still being copied.
    """
    paths = sorted(path for path in Path(folder).rglob("*") if path.name.endswith(FOLDERS[kind]))
    if not paths:
        raise FileNotFoundError(
            f"data {kind}:{folder} must be a folder of {' or '.join(FOLDERS[kind])} files"
        )
    states = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return hashlib.sha256(repr(states).encode()).hexdigest()[:12]
