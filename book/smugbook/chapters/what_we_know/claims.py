"""Claims of the poster, each with the intervals that speak for or against it."""

from collections.abc import Iterable, Mapping

import pandas as pd

from smugbook.chapters.what_we_know import evidence
from smugbook.experiments import controls
from smugbook.words.claims import Claim, Evidence
from smugbook.words.poster import POSTER
from smugbook.words.verdicts import RANKING
from smuglib.evaluation import Scenario, table_scenarios

STRENGTH_CURVES = ("strong_image", "level_image", "level_range", "kspace_adaptive", "level_kspace")
"""One curve of each threat model and protocol."""

SWITCHED_OFF = "SMUG’s weights, smoothing off"

JITTERED = f"MoDL, jitter {controls.JITTER:g}"
"""Names of two controls (see `smugbook.experiments.controls.controls_of`)."""


def poster_claims(
    blocks: Mapping[float, pd.DataFrame],
    columns: Mapping[str, Scenario],
    groups: Mapping[str, Mapping[str, pd.DataFrame]],
) -> list[Claim]:
    """Return the claims with what the records say about them.

    Robustness is judged under one attack of each threat model, ``columns`` (see
    `smugbook.experiments.protocol`): others of the same threat are nearly the same attack, and
    would count one finding twice.
    """
    controlled = list(columns.values())
    attacks = [one for one in controlled if one.rung != "clean"]
    robust = [(sigma, one) for sigma in blocks for one in attacks]
    clean = [(sigma, columns["clean"]) for sigma in blocks]
    (noise,) = (one for one in table_scenarios() if one.name == "noise")
    price = POSTER["smug"]["clean"]["psnr"][0]
    ranked = [
        item
        for better, worse in zip(RANKING, RANKING[1:], strict=False)
        for item in evidence.compare_gains(blocks, robust, better, worse)
    ]
    table, sweep, chain = "Table 1, robust accuracy", "Figure 7", "SMUG > SMUGv0 > RS-E2E > MoDL"
    everywhere = "SMUG is ahead of MoDL at every strength of an attack."
    found: list[tuple[str, str, Iterable[Evidence]]] = [
        (
            "MoDL loses accuracy under perturbations that nobody would see.",
            "Lack of robustness",
            evidence.compare_with_clean(blocks, [noise, *attacks]),
        ),
        (
            "MoDL becomes worse if more is sampled than in training.",
            "Lack of robustness",
            evidence.compare_ends(blocks, "rate_clean"),
        ),
        (
            "MoDL does so where data consistency keeps the old mask: the published test.",
            "Lack of robustness",
            evidence.compare_ends(blocks, "mask_clean"),
        ),
        (
            "MoDL becomes worse if it is unrolled further than in training.",
            "Lack of robustness",
            evidence.compare_ends(blocks, "steps_clean"),
        ),
        (
            "SMUG is more robust than MoDL of the same pre-training.",
            table,
            evidence.compare_gains(blocks, robust, "smug", "modl"),
        ),
        (
            "SMUG, pre-trained, is more robust than MoDL from scratch: the poster's comparison.",
            table,
            evidence.compare_controls(
                _member(groups, "budget", "smug"),
                _member(groups, "pretraining", "modl"),
                "SMUG pre-trained − MoDL not",
                attacks,
            ),
        ),
        (
            f"SMUG gives up no more than the poster's {-price:.2f} dB of clean PSNR.",
            "Table 1, standard accuracy",
            evidence.compare_gains(blocks, clean, "smug", "modl", threshold=price),
        ),
        (f"{chain} in robust accuracy, under every attack.", table, ranked),
        (
            "Smoothing the denoiser at every step protects better than smoothing end to end.",
            "Q1",
            evidence.compare_gains(blocks, robust, "smug", "rs_e2e"),
        ),
        (
            "Pre-training on noise makes SMUG better.",
            "Q2",
            evidence.compare_controls(
                _member(groups, "budget", "smug"),
                _member(groups, "pretraining", "smug"),
                "SMUG pre-trained − not",
                controlled,
            ),
        ),
        (
            "The unrolled stability loss makes SMUG more robust than SMUGv0, which lacks it.",
            "Q2",
            evidence.compare_gains(blocks, robust, "smug", "smug_v0"),
        ),
        (
            everywhere,
            "Figure 6",
            evidence.compare_curves(blocks, *STRENGTH_CURVES),
        ),
        (
            "SMUG is ahead of MoDL under attack at other sampling rates.",
            sweep,
            evidence.compare_curves(blocks, "rate_adaptive", others=True),
        ),
        (
            "SMUG is ahead of MoDL under attack at other numbers of unrolling steps.",
            sweep,
            evidence.compare_curves(blocks, "steps_adaptive", others=True),
        ),
        (
            "What protects is the smoothing at test time: without it, SMUG is nearer to MoDL.",
            "the method's name",
            evidence.compare_controls(
                evidence.halfway_records(blocks),
                _member(groups, "smoothing", SWITCHED_OFF),
                "half-way from SMUG to MoDL − SMUG with its smoothing off",
                attacks,
            ),
        ),
        (
            "Smoothing protects better than noise in training alone.",
            "asked by this book",
            evidence.compare_controls(
                _member(groups, "budget", "smug"),
                _member(groups, "budget", JITTERED),
                "SMUG − MoDL trained with jitter",
                attacks,
            ),
        ),
    ]
    return [
        Claim(statement, where, tuple(evidence), statement == everywhere or chain in statement)
        for statement, where, evidence in found
    ]


def _member(
    groups: Mapping[str, Mapping[str, pd.DataFrame]], question: str, name: str
) -> pd.DataFrame | None:
    return groups.get(question, {}).get(name)
