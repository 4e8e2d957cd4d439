"""Claims of the poster, each with the intervals that speak for or against it.

An interval is oriented so that a claim predicts it above a threshold. The verdict follows from the
intervals and nothing else: ``holds`` if all lie above, ``is contradicted`` if all lie below,
``depends`` if some lie above and some below, and ``is not decided`` otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from smuglib import controls, curves
from smuglib.labels import METHOD_LABELS, SCENARIO_LABELS
from smuglib.scenarios import Scenario
from smuglib.statistics import Interval
from smuglib.tables import POSTER, select
from smuglib.verdicts import RANKING, fragility, paired

ATTACKS = ("transfer_published", "transfer", "adaptive_image", "adaptive_kspace_l2")
"""Attacks under which robustness is judged, from the published code's to the realistic one."""

SWITCHED_OFF = "SMUG’s weights, smoothing off"
JITTERED = f"MoDL, jitter {controls.JITTER:g}"
"""Names of two controls (see `smuglib.controls.of`)."""


@dataclass(frozen=True)
class Evidence:
    """One measured difference.

    Parameters
    ----------
    what
        What was compared, in words.
    interval
        Mean difference with its ends, oriented as the claim predicts.
    source
        The records, or the group of controls, that it rests on.
    threshold
        What the claim predicts the difference to exceed.
    """

    what: str
    interval: Interval
    source: str
    threshold: float = 0.0

    @property
    def side(self) -> int:
        """1 if the interval lies above the threshold, -1 if below, 0 if it holds it."""
        return int(self.interval.low > self.threshold) - int(self.interval.high < self.threshold)


@dataclass(frozen=True)
class Claim:
    """A claim, where the poster makes it, and what was measured."""

    statement: str
    where: str
    evidence: tuple[Evidence, ...]

    @property
    def verdict(self) -> str:
        """The verdict, from the intervals alone."""
        sides = {item.side for item in self.evidence}
        if not sides:
            return "was not tested"
        if sides == {1}:
            return "holds"
        if sides == {-1}:
            return "is contradicted"
        return "depends" if {1, -1} <= sides else "is not decided"


def of(
    blocks: Mapping[float, pd.DataFrame],
    scenarios: Sequence[Scenario],
    groups: Mapping[str, Mapping[str, pd.DataFrame]],
) -> list[Claim]:
    """Return the claims with what the records say about them.

    Parameters
    ----------
    blocks
        Records by noise level, as `smuglib.tables.read_block` gives them.
    scenarios
        Scenarios of Table 1.
    groups
        Records of controls, by question and name (see `smuglib.controls`); those that were not
        computed may be absent.

    Returns
    -------
    list of Claim
        In the poster's order; the last is the book's own.
    """
    known = {scenario.name: scenario for scenario in scenarios}
    controlled = [known[name] for name in controls.SCENARIOS]
    attacks = [known[name] for name in ATTACKS]
    robust = [(sigma, one) for sigma in blocks for one in attacks]
    clean = [(sigma, known["clean"]) for sigma in blocks]
    price = POSTER["smug"]["clean"]["psnr"][0]
    ranked = [
        item
        for better, worse in zip(RANKING, RANKING[1:], strict=False)
        for item in _gains(blocks, robust, better, worse)
    ]
    table, sweep = "Table 1, robust accuracy", "Figure 7"
    found: list[tuple[str, str, Iterable[Evidence]]] = [
        (
            "MoDL loses accuracy under perturbations that nobody would see.",
            "Lack of robustness",
            _losses(blocks, [known["noise"], *attacks]),
        ),
        (
            "MoDL becomes worse if more is sampled than in training.",
            "Lack of robustness",
            _drop(blocks, "rate_clean"),
        ),
        (
            "It does so if data consistency keeps the old mask: the published test.",
            "Lack of robustness",
            _drop(blocks, "mask_clean"),
        ),
        (
            "MoDL becomes worse if it is unrolled further than in training.",
            "Lack of robustness",
            _drop(blocks, "steps_clean"),
        ),
        (
            "SMUG is more robust than MoDL of the same pre-training.",
            table,
            _gains(blocks, robust, "smug", "modl"),
        ),
        (
            "SMUG, pre-trained, is more robust than MoDL from scratch: the poster's comparison.",
            table,
            _controlled(
                _member(groups, "budget", "smug"),
                _member(groups, "pretraining", "modl"),
                "SMUG pre-trained − MoDL not",
                controlled[1:],
            ),
        ),
        (
            f"SMUG gives up no more than the poster's {-price:.2f} dB of clean PSNR.",
            "Table 1, standard accuracy",
            _gains(blocks, clean, "smug", "modl", threshold=price),
        ),
        ("SMUG > SMUGv0 > RS-E2E > MoDL in robust accuracy.", table, ranked),
        (
            "Smoothing the denoiser at every step protects better than smoothing end to end.",
            "Q1",
            _gains(blocks, robust, "smug", "rs_e2e"),
        ),
        (
            "Pre-training on noise makes SMUG better.",
            "Q2",
            _controlled(
                _member(groups, "budget", "smug"),
                _member(groups, "pretraining", "smug"),
                "SMUG pre-trained − not",
                controlled,
            ),
        ),
        (
            "The unrolled stability loss makes SMUG more robust than SMUGv0, which lacks it.",
            "Q2",
            _gains(blocks, robust, "smug", "smug_v0"),
        ),
        (
            "SMUG is ahead of MoDL at every strength of an attack.",
            "Figure 6",
            _along(blocks, "strength_adaptive", "strong_image", "kspace_adaptive"),
        ),
        (
            "SMUG is ahead of MoDL under attack at other sampling rates.",
            sweep,
            _along(blocks, "rate_adaptive"),
        ),
        (
            "SMUG is ahead of MoDL under attack at other numbers of unrolling steps.",
            sweep,
            _along(blocks, "steps_adaptive"),
        ),
        (
            "What protects is the smoothing at test time.",
            "the method's name",
            _controlled(
                _smug(blocks),
                _member(groups, "smoothing", SWITCHED_OFF),
                "SMUG − SMUG with its smoothing off",
                controlled,
            ),
        ),
        (
            "Smoothing protects better than noise in training alone.",
            "asked by this book",
            _controlled(
                _member(groups, "budget", "smug"),
                _member(groups, "budget", JITTERED),
                "SMUG − MoDL trained with jitter",
                controlled,
            ),
        ),
    ]
    return [Claim(statement, where, tuple(evidence)) for statement, where, evidence in found]


def _member(
    groups: Mapping[str, Mapping[str, pd.DataFrame]], question: str, name: str
) -> pd.DataFrame | None:
    return groups.get(question, {}).get(name)


def _smug(blocks: Mapping[float, pd.DataFrame]) -> pd.DataFrame | None:
    block = blocks.get(controls.BASE_SIGMA)
    return None if block is None else block[block["method"] == "smug"]


def _gains(
    blocks: Mapping[float, pd.DataFrame],
    points: Iterable[tuple[float, Scenario]],
    better: str,
    worse: str,
    *,
    threshold: float = 0.0,
) -> Iterable[Evidence]:
    """Compare two methods of a block, scenario by scenario, where both have records."""
    for sigma, scenario in points:
        chosen = select(blocks[sigma], scenario)
        one, other = (chosen[chosen["method"] == name] for name in (better, worse))
        if len(one) and len(one) == len(other):
            names = f"{METHOD_LABELS[better]} − {METHOD_LABELS[worse]}"
            what = f"{names}, {SCENARIO_LABELS[scenario.name]}, σ = {sigma:g}"
            yield Evidence(what, paired(one, other), f"records, σ = {sigma:g}", threshold)


def _losses(
    blocks: Mapping[float, pd.DataFrame], scenarios: Sequence[Scenario]
) -> Iterable[Evidence]:
    for sigma, block in blocks.items():
        held = [one for one in scenarios if len(select(block, one))]
        for name, interval in fragility(block, held, "modl").items():
            what = f"MoDL clean − {SCENARIO_LABELS[name]}, σ = {sigma:g}"
            yield Evidence(what, interval, f"records, σ = {sigma:g}")


def _drop(blocks: Mapping[float, pd.DataFrame], name: str) -> Iterable[Evidence]:
    """Compare MoDL at the settings of its training with the far end of a curve."""
    for sigma, block in blocks.items():
        rows = curves.points(block, name)
        rows = rows[rows["method"] == "modl"]
        own, far = rows.loc[rows["scenario"] == "clean", "value"], rows["value"].max()
        if len(own) and far > own.iloc[0]:
            change = paired(rows[rows["value"] == own.iloc[0]], rows[rows["value"] == far])
            what = f"MoDL at {own.iloc[0]:g} − at {far:g}, clean, σ = {sigma:g}"
            yield Evidence(what, change, f"sweep {name}")


def _along(blocks: Mapping[float, pd.DataFrame], *names: str) -> Iterable[Evidence]:
    """Compare SMUG with MoDL along curves, at every value but an ε of zero."""
    for sigma, block in blocks.items():
        for name in names:
            rows = curves.curve(block, name)
            rows = rows[(rows["method"] == "smug") & (rows["value"] > 0)]
            columns = ["value", "difference", "difference_low", "difference_high"]
            for value, *ends in (
                rows.dropna(subset=["difference"])[columns].to_numpy(dtype=float).tolist()
            ):
                what = f"SMUG − MoDL at {value:.4g}, σ = {sigma:g}"
                yield Evidence(what, Interval(*ends), f"sweep {name}")


def _controlled(
    first: pd.DataFrame | None,
    second: pd.DataFrame | None,
    what: str,
    scenarios: Iterable[Scenario],
) -> Iterable[Evidence]:
    """Compare two sets of records in all scenarios that both hold."""
    if first is None or second is None:
        return
    for scenario in scenarios:
        one, other = select(first, scenario), select(second, scenario)
        if len(one) and len(one) == len(other):
            label = SCENARIO_LABELS[scenario.name]
            yield Evidence(f"{what}, {label}", paired(one, other), "controls")
