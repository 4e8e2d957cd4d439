"""The study behind the chapter on localized harm: lesions and spreads, slice by slice.

======================  ==========================================================================
scenario                what the adversary does
======================  ==========================================================================
``clean``               nothing
``image``, ``kspace``   maximizes the squared error of the slice with lesions
``erase_*``             minimizes the contrast of the first lesion
``create_*``            maximizes the contrast at the first lesion's place, without lesions
======================  ==========================================================================

Domains are the zero-filled image (ℓ∞ ball) and the sampled k-space (ℓ2 ball); all attacks know the
smoothing.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from smugbook.experiments import lesion_trial
from smugbook.experiments.measurements import Measure, Values
from smuglib import checks, metrics, random
from smuglib.analysis import uncertainty
from smuglib.analysis.lesions import Planted, draw, plant
from smuglib.attacks.ladder import PRECISIONS
from smuglib.data import Scan
from smuglib.evaluation import Scenario
from smuglib.models import UnrolledNetwork

DOMAINS = ("image", "kspace")

SCENARIOS = {
    "clean": "error",
    **dict.fromkeys(DOMAINS, "error"),
    **{f"{aim}_{domain}": aim for aim in ("erase", "create") for domain in DOMAINS},
}
"""Names of the scenarios, with the adversary's aim (see `smuglib.analysis.lesions.AIMS`)."""


@dataclass(frozen=True)
class LesionStudy:
    """Settings of the study; the provenance of its measurements holds them.

    Radii are those of ℓ∞ on the zero-filled image in units of the scan's scale, and of ℓ2 on
    k-space relative to the measurement. ``n_samples`` is for reconstructions that lesions are
    measured in; spreads are of the network's own number.
    """

    companions: ClassVar[tuple[str, ...]] = ()
    """Methods whose networks `measure` needs beside the one that it measures."""

    n_lesions: int = 3
    contrast: float = 0.2
    radius: float = 2.0
    tissue: float = 0.25
    epsilon: float = 1 / 255
    epsilon_kspace: float = 0.02
    attack_steps: int = 10
    attack_samples: int = 1
    precision: str = "bfloat16"
    n_samples: int = 4
    n_bins: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("n_lesions", "attack_steps", "attack_samples", "n_samples", "n_bins"):
            checks.integer(name, getattr(self, name))
        for name in ("radius", "epsilon", "epsilon_kspace"):
            checks.positive(name, getattr(self, name))
        checks.fraction("tissue", self.tissue)
        checks.integer("seed", self.seed, minimum=0)
        checks.one_of("precision", self.precision, PRECISIONS)
        contrast = checks.real_number("contrast", self.contrast)
        if contrast <= -1 or contrast == 0:
            raise ValueError(f"contrast must be > -1 and not 0, got {contrast!r}")

    def scenarios(self, net: UnrolledNetwork) -> tuple[str, ...]:
        """Return the scenarios of a network: all of them, for every one."""
        return tuple(SCENARIOS)

    def scenario(self, name: str) -> Scenario:
        """Return one of `SCENARIOS`."""
        checks.one_of("scenario", name, SCENARIOS)
        if name == "clean":
            return Scenario(name, n_samples=self.n_samples)
        in_kspace = name.endswith("kspace")
        return Scenario(
            name,
            "kspace" if in_kspace else "adaptive",
            self.epsilon_kspace if in_kspace else self.epsilon,
            attack_steps=self.attack_steps,
            attack_samples=self.attack_samples,
            precision=self.precision,
            n_samples=self.n_samples,
        )

    def planted(self, scan: Scan) -> Planted:
        """Return a scan with the lesions of the study."""
        places = random.generator(self.seed, "lesions", scan.split, int(scan.slice_index))
        lesions = draw(
            scan.target,
            self.n_lesions,
            radius=self.radius,
            contrast=self.contrast,
            tissue=self.tissue,
            generator=places,
        )
        return plant(scan, lesions)

    def observe(
        self, net: UnrolledNetwork, planted: Planted, scenario: str
    ) -> lesion_trial.Outcome:
        """Put a scan with lesions through a scenario of the study."""
        return lesion_trial.observe(
            net,
            planted,
            self.scenario(scenario),
            aim=SCENARIOS[scenario],
            seed=self.seed,
        )

    def measure(self, net: UnrolledNetwork) -> Measure:
        """Return what measures a network at a slice in a scenario.

        `spread_values` are of smoothed networks alone, and only where no lesion is aimed at.
        """
        planted = lru_cache(maxsize=1)(self.planted)

        def measure(scan: Scan, scenario: str) -> Values:
            pair = planted(scan)
            outcome = self.observe(net, pair, scenario)
            lesions = lesion_trial.measure_lesions(pair, outcome)
            values: Values = {
                name: lesions[name].tolist() for name in ("recovery", "false", "apparent")
            }
            values["psnr"] = [metrics.psnr(outcome.x, pair.scan.target).item()]
            if SCENARIOS[scenario] == "error":
                values |= self.spread_values(net, pair, outcome)
            return values

        return measure

    def spread_values(
        self, net: UnrolledNetwork, planted: Planted, outcome: lesion_trial.Outcome
    ) -> Values:
        """Hold the spread of the noise samples against the error."""
        x, spread = lesion_trial.with_spread(net, planted, outcome, seed=self.seed)
        if spread is None:
            return {}
        scan = planted.scan
        error, mask = (x - scan.target).abs(), uncertainty.foreground(scan.target)
        draws = random.generator(self.seed, "attainable", scan.split, int(scan.slice_index))
        bins = uncertainty.calibration(spread, error, mask, n_bins=self.n_bins)
        steepness = uncertainty.gradient_magnitude(x)
        attainable = uncertainty.attainable_correlation(spread, mask, generator=draws)
        return {
            "rank_spread": [uncertainty.rank_correlation(spread, error, mask)],
            "rank_steepness": [uncertainty.rank_correlation(steepness, error, mask)],
            "rank_attainable": [attainable],
            "underestimation": [uncertainty.underestimation(spread, error, mask)],
            "bin_spread": bins["predicted"].tolist(),
            "bin_error": bins["error"].tolist(),
        }
