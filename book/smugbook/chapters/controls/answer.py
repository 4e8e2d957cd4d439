"""Which part of SMUG protects: conclusions about controls, each worded from its differences.

A difference counts where it is larger than what the training's seed changes (see
`smugbook.experiments.seeds.counts`); where no second seed is known, its interval alone decides.
"""

from collections.abc import Iterable, Mapping

from smugbook.experiments.seeds import Changes, counts
from smugbook.words.labels import SCENARIO_LABELS
from smugbook.words.markup import in_markdown
from smugbook.words.numbers import number, percent
from smugbook.words.verdicts import format_interval, join_names
from smuglib.evaluation import Interval

ATTACK = "adaptive_image"
"""The scenario that conclusions about protection are drawn from."""

_WHERE = f"under the {SCENARIO_LABELS[ATTACK]}"

Seeds = Mapping[str, float]


def describe_seed_change(seeds: Seeds, reference: Changes) -> str:
    """Say what the training's seed changes."""
    if not seeds:
        return "*No second seed was evaluated here: intervals over subjects decide alone.*"
    parts = [f"{number(seeds[name])} dB ({SCENARIO_LABELS[name]})" for name in seeds]
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
    lead = {
        (True, False): "The weights carry the gain.",
        (False, True): "The smoothing carries the gain.",
        (True, True): "Weights and smoothing protect, each without the other.",
        (False, False): "Neither the weights nor the smoothing protect alone.",
    }[_counts(off, ATTACK, seeds) > 0, _counts(on, ATTACK, seeds) > 0]
    return (
        f"- **{lead}** {_WHERE.capitalize()}, SMUG's weights without smoothing stand "
        f"{format_interval(off[ATTACK])} against MoDL; MoDL's weights with it, "
        f"{format_interval(on[ATTACK])}."
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


def conclude_pretraining(budgets: Mapping[str, tuple[Interval, Interval]]) -> str:
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
        f"- **{lead}** {_WHERE.capitalize()} and {words}, pre-trained SMUG stands "
        f"{format_interval(gap)} against a MoDL from scratch, and {format_interval(both)} against "
        f"one that is pre-trained too{f': {join_names(less)}' if less else ''}."
    )


def conclude_length(added: Changes, seeds: Seeds) -> str:
    """Conclude what longer training does to MoDL."""
    lead = {
        -1: "Longer training makes MoDL more fragile.",
        0: "Longer training changes MoDL under attack by no more than the seed does.",
        1: "Longer training makes MoDL less fragile.",
    }[_counts(added, ATTACK, seeds)]
    return f"- **{lead}** Twice the updates change it by {_spelled(added)}."


def conclude_settings(groups: Mapping[str, Iterable[Changes]], seeds: Seeds) -> str:
    """Conclude which of SMUG's settings matter under attack."""
    matters = {
        words: any(_counts(one, ATTACK, seeds) for one in found) for words, found in groups.items()
    }
    yes, no = ([words for words, found in matters.items() if found is one] for one in (True, False))
    parts = [f"{join_names(yes)} {'count' if len(yes) > 1 else 'counts'}"] if yes else []
    parts += [f"{join_names(no)} {'do' if len(no) > 1 else 'does'} not count"] if no else []
    return f"- **Of SMUG's settings, {'; '.join(parts)}** {_WHERE}; the table has their numbers."


def _counts(found: Changes, name: str, seeds: Seeds) -> int:
    return counts(found[name], seeds.get(name, 0.0)) if name in found else 0


def _spelled(found: Changes) -> str:
    return join_names(
        [f"{format_interval(one)} ({SCENARIO_LABELS[name]})" for name, one in found.items()]
    )


def _labels(names: Iterable[str]) -> str:
    return join_names([SCENARIO_LABELS[name] for name in names])
