"""Which part of SMUG protects: conclusions about controls, each worded from its differences.

A difference counts where it is larger than what the training's seed changes (see
`smugbook.experiments.seeds.counts`); where no second seed is known, its interval alone decides.
"""

from collections.abc import Collection, Iterable, Mapping

from smugbook.experiments.seeds import Changes, counts
from smugbook.words.labels import ATTACK_LABELS
from smugbook.words.markup import in_markdown
from smugbook.words.numbers import number, percent
from smugbook.words.verdicts import format_interval, join_names
from smuglib.evaluation import Interval

ATTACKS = ("strong_image", "adaptive_image")
"""Scenarios that conclusions about protection are drawn from, the first that there is."""

Seeds = Mapping[str, float]


def main_attack(names: Collection[str]) -> str:
    """Return the one scenario of some that conclusions about protection are drawn from."""
    return next((name for name in ATTACKS if name in names), ATTACKS[-1])


def _where(attack: str) -> str:
    return f"under the {ATTACK_LABELS[attack]}"


def describe_seed_change(seeds: Seeds, reference: Changes) -> str:
    """Say what the training's seed changes."""
    if not seeds:
        return "*No second seed was evaluated here: intervals over subjects decide alone.*"
    parts = [f"{number(seeds[name])} dB ({ATTACK_LABELS[name]})" for name in seeds]
    own = [f"{number(change.mean)} dB" for change in reference.values()]
    return (
        "**The seed's change**, against which this chapter holds every difference, is the largest "
        "change between the two seeds, over the methods, of the difference to MoDL in that "
        f"scenario: {join_names(parts)}. MoDL itself changes by {join_names(own)}."
    )


def conclude_smoothing(added: Changes, seeds: Seeds) -> str:
    """Conclude what smoothing at test time adds."""
    helps = [name for name in added if _counts(added, name, seeds) > 0]
    lead = "Smoothing at test time adds nothing."
    if helps:
        lead = f"Smoothing at test time helps ({_labels(helps)})."
    return f"- **{lead}** With it, the PSNR of SMUG's weights changes by {_spelled(added)}."


def conclude_weights(off: Changes, on: Changes, seeds: Seeds) -> str:
    """Conclude whether trained weights or smoothing at test time carry the gain."""
    attack = main_attack(off)
    lead = {
        (True, False): "The weights carry the gain.",
        (False, True): "The smoothing carries the gain.",
        (True, True): "Weights and smoothing protect, each without the other.",
        (False, False): "Neither the weights nor the smoothing protect alone.",
    }[_counts(off, attack, seeds) > 0, _counts(on, attack, seeds) > 0]
    return (
        f"- **{lead}** {_where(attack).capitalize()}, SMUG's weights without smoothing stand "
        f"{format_interval(off[attack])} against MoDL; MoDL's weights with it, "
        f"{format_interval(on[attack])}."
    )


def conclude_jitter(gaps: Changes, seeds: Seeds, name: str) -> str:
    """Conclude whether noise in training alone does as well as SMUG."""
    sides = {key: _counts(gaps, key, seeds) for key in gaps}
    verdict = {
        (False, False): "does as well as SMUG",
        (True, False): "does better than SMUG",
        (False, True): "does worse than SMUG",
        (True, True): "does better than SMUG in one respect and worse in another",
    }[1 in sides.values(), -1 in sides.values()]
    if verdict == "does as well as SMUG" and all(gap.mean >= 0 for gap in gaps.values()):
        verdict = "does at least as well as SMUG"
    larger = [key for key, side in sides.items() if side]
    said = f"beyond what the seed changes: {_labels(larger)}" if larger else ""
    said = said or "all of it within what the seed changes"
    return (
        f"- **Plain noise in training {verdict}.** {in_markdown(name)}, which costs no more "
        f"than MoDL, minus SMUG: {_spelled(gaps)}{f'; {said}' if seeds else ''}."
    )


def conclude_pretraining(
    budgets: Mapping[str, tuple[Interval, Interval]], attack: str = ATTACKS[-1]
) -> str:
    """Conclude how much of the poster's gap is the pre-training that its MoDL lacks."""
    gaps = {words: gap for words, (gap, _) in budgets.items()}
    shares = {w: 1 - both.mean / gap.mean for w, (gap, both) in budgets.items() if gap.low > 0}
    lead = "Pre-training explains a part of the poster's gap."
    if len(shares) < len(gaps):
        lead = "The poster's gap does not show here."
    elif all(share > 0.5 for share in shares.values()):
        lead = "Pre-training explains most of the poster's gap."
    elif all(share <= 0 for share in shares.values()):
        lead = "Pre-training explains nothing of the poster's gap."
    words, (gap, both) = next(iter(budgets.items()))
    less = [f"{percent(share)} less {words}" for words, share in shares.items()]
    return (
        f"- **{lead}** {_where(attack).capitalize()} and {words}, pre-trained SMUG stands "
        f"{format_interval(gap)} against a MoDL from scratch, and {format_interval(both)} against "
        f"one that is pre-trained too{f': {join_names(less)}' if less else ''}."
    )


def conclude_length(added: Changes, seeds: Seeds) -> str:
    """Conclude what longer training does to MoDL."""
    lead = {
        -1: "Longer training makes MoDL more fragile.",
        0: "Longer training changes MoDL under attack by no more than the seed does.",
        1: "Longer training makes MoDL less fragile.",
    }[_counts(added, main_attack(added), seeds)]
    return f"- **{lead}** Twice the updates change it by {_spelled(added)}."


def conclude_settings(groups: Mapping[str, Iterable[Changes]], seeds: Seeds) -> str:
    """Conclude which of SMUG's settings matter under attack."""
    held = {words: list(found) for words, found in groups.items()}
    attack = main_attack({name for found in held.values() for one in found for name in one})
    matters = {
        words: any(_counts(one, attack, seeds) for one in found) for words, found in held.items()
    }
    yes, no = ([words for words, found in matters.items() if found is one] for one in (True, False))
    parts = [f"{join_names(yes)} {'count' if len(yes) > 1 else 'counts'}"] if yes else []
    parts += [f"{join_names(no)} {'do' if len(no) > 1 else 'does'} not count"] if no else []
    where = f"{_where(attack)}; the table has their numbers"
    return f"- **Of SMUG's settings, {'; '.join(parts)}** {where}."


def _counts(found: Changes, name: str, seeds: Seeds) -> int:
    return counts(found[name], seeds.get(name, 0.0)) if name in found else 0


def _spelled(found: Changes) -> str:
    return join_names(
        [f"{format_interval(one)} ({ATTACK_LABELS[name]})" for name, one in found.items()]
    )


def _labels(names: Iterable[str]) -> str:
    return join_names([ATTACK_LABELS[name] for name in names])
