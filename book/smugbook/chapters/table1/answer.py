"""What Table 1 says in a few sentences, each worded from its intervals and from nothing else."""

from collections.abc import Mapping, Sequence

import pandas as pd

from smugbook.chapters.table1.gains import SMOOTHED, Blocks, fragility, gain
from smugbook.words.labels import ATTACK_LABELS, METHOD_LABELS
from smugbook.words.numbers import signed
from smugbook.words.poster import POSTER
from smugbook.words.verdicts import RANKING, choose_word, format_interval, join_names
from smuglib.evaluation import Interval, Scenario, select
from smuglib.methods import METHODS

EVERY = "all smoothed methods"


def answer_table1(blocks: Blocks, scenarios: Sequence[Scenario]) -> str:
    """Answer the chapter's question, each verdict worded from intervals alone."""
    clean = next(scenario for scenario in scenarios if scenario.name == "clean")
    attacks = [s for s in scenarios if s.attack is not None and s.attack.kind == "pgd"]
    image = [s for s in attacks if s.attack is not None and s.attack.domain == "image"]
    kspace = [s for s in attacks if s.attack is not None and s.attack.domain == "kspace"]
    lines = [_fragile(blocks, image[-1])] if image else []
    for sigma, block in blocks.items():
        lines.append(_bargain(sigma, block, clean, image[-1] if image else None))
    lines += [_on_the_samples(blocks, scenario) for scenario in kspace[:1]]
    if attacks:
        # Attacks of one threat are nearly the same attack: one of each has a vote.
        within = [s for s in attacks if s.attack is not None and s.attack.domain == "range"]
        votes = [*image[-1:], *within[-1:], *kspace[:1]]
        lines += [_first(blocks, attacks), _ranking(blocks, votes)]
    return "\n".join(f"- {line}" for line in lines)


def _fragile(blocks: Blocks, attack: Scenario) -> str:
    clean = Scenario("clean")
    losses = {s: fragility(b, [clean, attack], "modl")[attack.name] for s, b in blocks.items()}
    words = {
        "below": "MoDL does not lose everywhere",
        "between": "Whether MoDL is fragile is not decided",
        "above": "MoDL is fragile",
    }
    found = {choose_word(loss, **words) for loss in losses.values()}
    verdict = next(word for word in words.values() if word in found)
    told = ", ".join(
        f"{format_interval(loss, sign=False)} at σ = {s:g}" for s, loss in losses.items()
    )
    return f"**{verdict}.** What the {_label(attack.name)} takes from its clean PSNR: {told}."


def _bargain(sigma: float, block: pd.DataFrame, clean: Scenario, attack: Scenario | None) -> str:
    """Say what the smoothed methods gain under an attack, and pay on clean scans."""
    parts = [scenario for scenario in (attack, clean) if scenario is not None]
    found = {s.name: {method: gain(block, s, method) for method in SMOOTHED} for s in parts}
    told = [(_of_all(found[s.name]), _where(s.name)) for s in parts]
    said = ", and ".join(f"{verdict} {where}" for verdict, where in told)
    said = said.replace(f", and {EVERY}", ", and") if said.startswith(EVERY) else said
    own = ", ".join(f"{format_interval(found[s.name]['smug'])} {_where(s.name)}" for s in parts)
    poster = f"poster, clean: {signed(POSTER['smug']['clean']['psnr'][0])} dB"
    text = f"**At σ = {sigma:g} {said}.** SMUG against MoDL: {own} ({poster})"
    if attack is not None:
        best = max(SMOOTHED, key=lambda method: found[attack.name][method].mean)
        largest = format_interval(found[attack.name][best])
        text += f"; largest under the attack: {METHOD_LABELS[best]}, {largest}"
    return f"{text}."


def _of_all(intervals: Mapping[str, Interval]) -> str:
    """Say which smoothed methods gain on MoDL and which lose."""
    words = {"above": "gain", "below": "lose", "between": "are not told apart from MoDL"}
    found: dict[str, list[str]] = {word: [] for word in words.values()}
    for method, interval in intervals.items():
        found[choose_word(interval, **words)].append(METHOD_LABELS[method])
    found = {word: names for word, names in found.items() if names}
    if len(found) == 1:
        word = next(iter(found))
        every = f"{EVERY} {word}"
        return "no smoothed method is told apart from MoDL" if word.startswith("are") else every
    told = []
    for word, names in found.items():
        one = {"gain": "gains", "lose": "loses"}.get(word, word.replace("are", "is", 1))
        told.append(f"{join_names(names)} {word if len(names) > 1 else one}")
    return join_names(told)


def _on_the_samples(blocks: Blocks, attack: Scenario) -> str:
    """Say what is left of the gains under an attack on the measured samples."""
    found = {
        f"{METHOD_LABELS[method]} at σ = {sigma:g}": gain(block, attack, method)
        for sigma, block in blocks.items()
        for method in SMOOTHED
    }
    words = {"above": "gain", "below": "loss", "between": "none"}
    counts = pd.Series([choose_word(one, **words) for one in found.values()]).value_counts()
    told = {word: int(counts.get(word, 0)) for word in ("gain", "none", "loss")}
    if told["gain"] == len(found):
        verdict = "smoothing gains"
    elif told["gain"] and told["loss"]:
        verdict = "some smoothed methods gain and some lose"
    elif told["gain"]:
        verdict = "some smoothed methods gain, and none loses"
    else:
        verdict = "no gain is told apart from zero"
    best, worst = (choose(found, key=lambda name: found[name].mean) for choose in (max, min))
    return (
        f"**Under the {_label(attack.name)} {verdict}.** Compared with MoDL, gains: "
        f"{told['gain']}, losses: {told['loss']}, not told apart: {told['none']}; from "
        f"{format_interval(found[worst])} ({worst}) to {format_interval(found[best])} ({best})."
    )


def _first(blocks: Blocks, attacks: Sequence[Scenario]) -> str:
    """Say which method has the highest PSNR under which attack."""
    leaders: dict[float, dict[str, list[str]]] = {}
    for sigma, block in blocks.items():
        for attack in attacks:
            rows = select(block, attack)
            means = rows[rows["method"].isin(METHODS)].groupby("method")["psnr"].mean()
            best, second = means.nlargest(2).index
            name = METHOD_LABELS[best]
            if not gain(block, attack, best, second).low > 0:
                name += f" (not told apart from {METHOD_LABELS[second]})"
            leaders.setdefault(sigma, {}).setdefault(name, []).append(_label(attack.name))
    told = []
    for sigma, held in leaders.items():
        if len(held) == 1 and len(attacks) > 1:
            told.append(f"At σ = {sigma:g}, {next(iter(held))} under every one.")
        else:
            each = "; ".join(
                f"{name} under the {join_names(under)}" for name, under in held.items()
            )
            told.append(f"At σ = {sigma:g}, {each}.")
    names = {name.partition(" (")[0] for held in leaders.values() for name in held}
    lead = f"{join_names(sorted(names))} {'is' if len(names) == 1 else 'take turns at being'} first"
    return f"**{lead} under the attacks.** {' '.join(told)}"


def _ranking(blocks: Blocks, attacks: Sequence[Scenario]) -> str:
    """Say once what the poster's ranking is, and how often it is contradicted."""
    steps = list(zip(RANKING, RANKING[1:], strict=False))
    words = {"above": "holds", "below": "broken", "between": "open"}
    verdicts = []
    for block in blocks.values():
        for attack in attacks:
            found = {choose_word(gain(block, attack, a, b), **words) for a, b in steps}
            verdicts.append(next(w for w in ("broken", "open", "holds") if w in found))
    ranking = " > ".join(METHOD_LABELS[name] for name in RANKING)
    broken, held = verdicts.count("broken"), verdicts.count("holds")
    verdict = (
        "is contradicted" if broken else "holds" if held == len(verdicts) else "is not decided"
    )
    if broken == len(verdicts):
        verdict = "never appears"
    confirmed = f"; {held} confirm it" if held else ""
    return (
        f"**The poster's ranking, {ranking}, {verdict}.** It is contradicted in {broken} of "
        f"{len(verdicts)} cases, one attack of each threat model at a noise level each: a method "
        f"is told apart from its neighbour in that order, on the wrong side{confirmed}."
    )


def _where(name: str) -> str:
    return "on clean scans" if name == "clean" else f"under the {_label(name)}"


def _label(name: str) -> str:
    return ATTACK_LABELS.get(name, name)


def describe_runaway(summary: pd.DataFrame) -> str:
    """Say where total variation runs away, and why."""
    rows = summary[(summary["method"] == "tv") & (summary["metric"] == "psnr")]
    under = list(dict.fromkeys(rows.loc[rows["mean"] < 0, "scenario"]))
    if not under:
        return ""
    scenarios = join_names(map(_label, under))
    return (
        f"**A PSNR below zero is no bug.** Under the {scenarios}, "
        "the error of total variation (TV) is larger than the image. These perturb "
        r"$\mathbf A^H \mathbf y$ by something that no measurement makes, in part outside the "
        r"range of $\mathbf A^H$. There TV's objective has no minimum: its exact data steps add "
        "that part again at every iteration, and nothing measured holds them back. Perturbations "
        "of the samples themselves do not do that. [](10_fragility) shows how much of an attack "
        "lies in such directions."
    )
