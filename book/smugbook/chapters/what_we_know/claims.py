"""Claims of the poster, each with the intervals that speak for or against it."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import pandas as pd

from smugbook.chapters.what_we_know import evidence, studies
from smugbook.experiments import controls
from smugbook.experiments.seeds import first_seed
from smugbook.experiments.trends import Frames
from smugbook.words.claims import Claim, Evidence
from smugbook.words.labels import METHOD_LABELS, VALUE_LABELS
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
    others: Mapping[str, pd.DataFrame] = MappingProxyType({}),
) -> list[Claim]:
    """Return the claims with what the records say about them.

    ``others`` are blocks of other trainings, by what differs, in which the ranking counts too.

    Robustness is judged under one attack of each threat model, ``columns`` (see
    `smugbook.experiments.protocol`): others of the same threat are nearly the same attack, and
    would count one finding twice.
    """
    # Curves and controls have one training seed each.
    single = {sigma: first_seed(block) for sigma, block in blocks.items()}
    smug, base = _trained(single, groups, "smug"), groups.get("pretraining", {})
    jittered = groups.get("budget", groups.get("jitter", {})).get(JITTERED)
    controlled = list(columns.values())
    attacks = [one for one in controlled if one.rung != "clean"]
    robust = [(sigma, one) for sigma in blocks for one in attacks]
    clean = [(sigma, columns["clean"]) for sigma in blocks]
    (noise,) = (one for one in table_scenarios() if one.name == "noise")
    price = POSTER["smug"]["clean"]["psnr"][0]
    table, sweep, chain = "Table 1, robust accuracy", "Figure 7", "SMUG > SMUGv0 > RS-E2E > MoDL"
    ranked = [
        (f"{chain} under the {VALUE_LABELS['scenario'][attack.name]}.", table, items)
        for attack in attacks
        for items in [_rank({**blocks, **others}, attack)]
    ]
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
            evidence.compare_ends(single, "rate_clean"),
        ),
        (
            "MoDL does so where data consistency keeps the old mask: the published test.",
            "Lack of robustness",
            evidence.compare_ends(single, "mask_clean"),
        ),
        (
            "MoDL becomes worse if it is unrolled further than in training.",
            "Lack of robustness",
            evidence.compare_ends(single, "steps_clean"),
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
                smug,
                _own(base, "modl"),
                "SMUG pre-trained − MoDL not",
                attacks,
            ),
        ),
        (
            f"SMUG gives up no more than the poster's {-price:.2f} dB of clean PSNR.",
            "Table 1, standard accuracy",
            evidence.compare_gains(blocks, clean, "smug", "modl", threshold=price),
        ),
        *ranked,
        (
            "Smoothing the denoiser at every step protects better than smoothing end to end.",
            "Q1",
            evidence.compare_gains(blocks, robust, "smug", "rs_e2e"),
        ),
        (
            "Pre-training on noise makes SMUG better.",
            "Q2",
            evidence.compare_controls(
                smug,
                _own(base, "smug"),
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
            evidence.compare_curves(single, *_strength_curves(single)),
        ),
        (
            "SMUG is ahead of MoDL under attack at other sampling rates.",
            sweep,
            evidence.compare_curves(single, "rate_adaptive", others=True),
        ),
        (
            "SMUG is ahead of MoDL under attack at other numbers of unrolling steps.",
            sweep,
            evidence.compare_curves(single, "steps_adaptive", others=True),
        ),
        (
            "What protects is the smoothing at test time: without it, SMUG is nearer to MoDL.",
            "the method's name",
            evidence.compare_controls(
                evidence.halfway_records(single),
                groups.get("smoothing", {}).get(SWITCHED_OFF),
                "half-way from SMUG to MoDL − SMUG with its smoothing off",
                attacks,
            ),
        ),
        (
            "Smoothing protects better than noise in training alone.",
            "asked by this book",
            evidence.compare_controls(
                smug,
                jittered,
                "SMUG − MoDL trained with jitter",
                attacks,
            ),
        ),
    ]
    return [
        Claim(statement, where, tuple(evidence), statement == everywhere or chain in statement)
        for statement, where, evidence in found
    ]


def further_claims(
    blocks: Mapping[float, pd.DataFrame],
    columns: Mapping[str, Scenario],
    matches: studies.Matches,
    lengths: Frames,
    lams: Frames,
) -> list[Claim]:
    """Return claims that the poster does not make, registered before their records were."""
    clean = [(sigma, columns["clean"]) for sigma in blocks]
    best = "tv_tuned" if any("tv_tuned" in set(b["method"]) for b in blocks.values()) else "tv"
    smallest = [
        (
            f"MoDL is {ahead} ahead of tuned TV on clean scans.",
            evidence.compare_gains(blocks, clean, "modl", best, threshold=threshold),
        )
        for ahead, threshold in (("", 0.0), ("at least 0.5 dB", 0.5))
    ]
    costs = "The k-space attack of 2 % costs every network less than it costs tuned TV."
    equal = "At equal clean PSNR, SMUG stays ahead of MoDL’s own trainings under attack."
    found: list[tuple[str, Iterable[Evidence]]] = [
        *((" ".join(statement.split()), items) for statement, items in smallest),
        (costs, studies.compare_damage(blocks, columns, "kspace")),
        (equal, studies.judge_matches(matches)),
        *studies.length_claims(lengths, columns),
        *studies.lambda_claims(lams, columns),
    ]
    return [
        Claim(statement, "asked by this book", tuple(items), statement in (costs, equal))
        for statement, items in found
    ]


def _rank(blocks: evidence.Blocks, attack: Scenario) -> list[Evidence]:
    """Compare neighbours in the poster's ranking under one attack."""
    points = [(key, attack) for key in blocks]
    return [
        item
        for better, worse in zip(RANKING, RANKING[1:], strict=False)
        for item in evidence.compare_gains(blocks, points, better, worse)
    ]


def _strength_curves(blocks: Mapping[float, pd.DataFrame]) -> list[str]:
    """Return the curves over strengths, without a strong attack that another curve repeats."""
    held = {name for block in blocks.values() for name in block["scenario"]}
    return [name for name in STRENGTH_CURVES if name != "strong_image" or "level_image" not in held]


def _own(group: Mapping[str, pd.DataFrame], method: str) -> pd.DataFrame | None:
    """Return a method's control, which has its name or its label."""
    return group.get(method, group.get(METHOD_LABELS[method]))


def _trained(
    blocks: Mapping[float, pd.DataFrame],
    groups: Mapping[str, Mapping[str, pd.DataFrame]],
    method: str,
) -> pd.DataFrame | None:
    """Return what controls are compared with: a method at their budget, or else the profile's."""
    if "budget" in groups or controls.BASE_SIGMA not in blocks:
        return _own(groups.get("budget", {}), method)
    block = blocks[controls.BASE_SIGMA]
    return block[block["method"] == method]
