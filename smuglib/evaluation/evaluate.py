"""Evaluation: every method in every scenario, one record per slice.

The random draws of a row are a function of the seed and the slice alone: all methods meet the same
random starts. The noise of the scored reconstruction is not the attacker's.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from tqdm import tqdm

from smuglib import checks, metrics, provenance, sampling
from smuglib.consistency.step import MismatchedStep, SolverName, Step
from smuglib.data.scan import Scan, collate
from smuglib.evaluation import records, scores
from smuglib.evaluation.scenarios import Scenario
from smuglib.evaluation.scores import Score
from smuglib.evaluation.trial import reconstruct, scored_options
from smuglib.models.precision import tf32
from smuglib.models.reconstruction import Reconstruction, n_steps_of, operand, options, smoothing_of
from smuglib.operators.sense import SenseOperator
from smuglib.training.plan import Budget

Rescan = Callable[[Scan, float], Scan]

Keep = Callable[[Score, Tensor], None]


def evaluate(
    net: Reconstruction,
    scans: Sequence[Scan],
    scenarios: Sequence[Scenario],
    *,
    method: str,
    training_sigma: float,
    weights_sha256: str = "none",
    seed: int = 0,
    rescan: Rescan | None = None,
    solver: SolverName = "auto",
    partial: Path | str | None = None,
    keep: Keep | None = None,
    batch: int = 1,
    budget: Budget | None = None,
    progress: bool = True,
) -> list[Score]:
    """Evaluate one method on all scans in all scenarios: rows scan by scan.

    Parameters
    ----------
    net
        The method, on the device to compute on, in evaluation mode; one without parameters
        computes where the scans lie.
    scans, scenarios
        Scans, each a batch of one, and what to put them through.
    method, training_sigma, weights_sha256
        What the records say of the network: name, noise in training, hash of the weights file.
    rescan
        Returns the scan of the same slice at the sampling rate that a scenario names.
    solver
        Solver of data consistency, see `DataConsistency`. No column of a record tells it: name
        the scenarios after it where it is not the usual one.
    partial
        CSV file that is rewritten after every scan. Rows that it already holds, of the same
        settings, weights and seed, are taken from it: an interrupted evaluation resumes. If it is
        damaged, all is computed again, with a warning.
    keep
        Called with every row that is computed and with its reconstruction, complex,
        ``[1, height, width]``, on the network's device.
    batch
        Scans of one size that are put through a scenario together: faster on a GPU. A scan's draws
        are its own, so that its rows are the same to rounding.
    budget
        Once it is spent, a BudgetSpentError after the batch: with ``partial``, the next call goes
        on from there.
    """
    batch = checks.integer("batch", batch)
    budget = checks.instance("budget", Budget() if budget is None else budget, Budget)
    partial = checks.optional(checks.path, "partial", partial, is_new=True)
    checks.optional(checks.function, "keep", keep, n_arguments=2)
    checks.instance("weights_sha256", weights_sha256, str)
    progress = checks.boolean("progress", progress)
    scenarios = checks.members("scenarios", scenarios, Scenario)
    _check_request(net, scans, scenarios, method, training_sigma, rescan)
    parameters = net.parameters() if isinstance(net, nn.Module) else iter(())
    device = next((p.device for p in parameters), scans[0].target.device)
    smoothing = smoothing_of(net)
    common = {
        "method": method,
        "training_sigma": float(training_sigma),
        "placement": smoothing.placement,
        "sigma": smoothing.sigma if smoothing.is_active else 0.0,
        "weights_sha256": weights_sha256,
        "seed": checks.integer("seed", seed, minimum=0),
        "commit": provenance.commit(),
        "versions": "; ".join(f"{name} {value}" for name, value in provenance.versions().items()),
        "device": provenance.device_name(device),
    }
    held = [] if partial is None else records.kept(partial, Score)
    known = {row.identity: row for row in held}
    rows: list[Score] = []
    bar = tqdm(total=len(scans) * len(scenarios), desc=method, disable=not progress)
    with bar, tf32(False):
        waiting = iter(scans)
        while now := list(islice(waiting, batch)):
            columns, n_known = [], len(known)
            for column in _batch_rows(
                net, now, scenarios, common, known, rescan, solver, keep, device
            ):
                columns.append(column)
                bar.update(len(now))
            rows += [row for line in zip(*columns, strict=True) for row in line]
            if partial is not None:
                ours = {row.identity for row in rows}
                rest = [row for row in held if row.identity not in ours]
                records.keep(partial, [*rows, *rest], Score)
            n_done = len(rows) // len(scenarios)
            if budget.is_spent and len(known) > n_known and n_done < len(scans):
                budget.stop(f"{method} is evaluated at {n_done} of {len(scans)} scans")
    return rows


def _batch_rows(
    net: Reconstruction,
    batch: Sequence[Scan],
    scenarios: Sequence[Scenario],
    common: dict[str, Any],
    known: dict[tuple[object, ...], Score],
    rescan: Rescan | None,
    solver: SolverName,
    keep: Keep | None,
    device: torch.device,
) -> Iterator[list[Score]]:
    """Compute or look up the rows of some scans, scenario by scenario."""
    for scan in batch:
        if len(scan) != 1:
            raise ValueError(f"a scan must be a batch of one, got a batch of {len(scan)}")
    measured: dict[float | None, list[Scan]] = {None: [scan.to(device) for scan in batch]}
    joined: dict[tuple[int, ...], Scan] = {}

    def join(scans: list[Scan], chosen: list[int]) -> Scan:
        """Return one object for the same scans, so that its factors are found again."""
        if len(chosen) == 1:
            return scans[chosen[0]]
        name = id(scans), *chosen
        if name not in joined:
            joined[name] = collate([scans[index] for index in chosen])
        return joined[name]

    for scenario in scenarios:
        rate = scenario.sampling_rate
        if rate is not None and rate not in measured and rescan is not None:
            measured[rate] = [rescan(scan, rate).to(device) for scan in batch]
        found = measured[rate]
        believed = measured[None] if scenario.mask_mismatch else found
        unscored: dict[str, Any] = dict.fromkeys(scores.RESULTS, 0.0)
        rows = [
            Score(**common, **_settings(net, scenario, *pair), **unscored)
            for pair in zip(found, believed, strict=True)
        ]
        new: dict[tuple[int, ...], list[int]] = {}
        for index, row in enumerate(rows):
            if row.identity not in known:
                new.setdefault(tuple(found[index].kspace.shape), []).append(index)
        for chosen in new.values():
            scan, trusted = (join(scans, chosen) for scans in (found, believed))
            A = _operand(net, trusted.operator, scan.operator, solver)
            z, x = reconstruct(net, scan, scenario, seed=common["seed"], A=A)
            for k, index in enumerate(chosen):
                one = slice(k, k + 1)
                row = replace(rows[index], **_results(z[one], x[one], scan.target[one]))
                known[row.identity] = row
                if keep is not None:
                    keep(row, x[one])
        yield [known[row.identity] for row in rows]


def _operand(
    net: Reconstruction, believed: SenseOperator, measured: SenseOperator, solver: SolverName
) -> SenseOperator | Step:
    """Return what a method is called with where one mask measured and another is believed."""
    A = operand(net, believed, solver)
    if believed is measured:
        return A
    # Only data consistency can believe in a mask.
    return measured if isinstance(A, SenseOperator) else MismatchedStep(A, measured)


def _settings(
    net: Reconstruction, scenario: Scenario, scan: Scan, believed: Scan
) -> dict[str, Any]:
    """Return what a record says about scenario and scan."""
    attack = scenario.attack
    ascends = attack is not None and attack.kind == "pgd"
    draws = ascends and attack is not None and attack.through == "smoothing"
    smoothing = smoothing_of(net)
    n_samples = smoothing.n_samples if smoothing.is_active else 0
    return {
        "n_samples": scenario.n_samples if n_samples and scenario.n_samples else n_samples,
        "n_steps": scenario.n_steps or n_steps_of(net),
        "scenario": scenario.name,
        "rung": scenario.rung,
        "epsilon": float(scenario.epsilon),
        "domain": attack.domain if attack else "none",
        "norm": attack.norm if attack else "none",
        "attack_steps": attack.n_steps if attack and ascends else 0,
        "attack_restarts": attack.n_restarts if attack and ascends else 0,
        "attack_samples": (attack.n_samples or n_samples) if attack and draws and n_samples else 0,
        "attack_precision": attack.precision if attack and ascends else "none",
        "sampling_rate": sampling.sampling_rate(scan.mask),
        "consistency_rate": sampling.sampling_rate(believed.mask),
        "split": scan.split,
        "subject": int(scan.subject),
        "slice": int(scan.slice_index),
        "antithetic": int(scenario.antithetic and smoothing.is_active),
    }


def _results(z: Tensor, x: Tensor, target: Tensor) -> dict[str, Any]:
    found = {name: getattr(metrics, name)(x, target).item() for name in scores.RESULTS[:4]}
    given = {f"{m.__name__}_zero_filled": m(z, target).item() for m in (metrics.psnr, metrics.ssim)}
    return {**found, **given}


def _check_request(
    net: Reconstruction,
    scans: Sequence[Scan],
    scenarios: Sequence[Scenario],
    method: str,
    training_sigma: float,
    rescan: Rescan | None,
) -> None:
    if not isinstance(method, str) or not method:
        raise ValueError(f"method must be a string that is not empty, got {method!r}")
    checks.non_negative("training_sigma", training_sigma)
    checks.function("net", net, 2)
    checks.optional(checks.function, "rescan", rescan, n_arguments=2)
    # Not read as a whole: a data set makes its scans one by one.
    if not isinstance(scans, Sequence | Dataset) or isinstance(scans, str | bytes):
        raise TypeError(f"scans must be a sequence or a data set, got {checks.shown(scans)}")
    n_scans = len(scans)
    if n_scans:
        checks.instance("scans[0]", scans[0], Scan)
    if not n_scans or not scenarios:
        raise ValueError(f"nothing to evaluate: {n_scans} scans, {len(scenarios)} scenarios")
    for scenario in scenarios:
        options(net, **scored_options(scenario))
        if list(scenarios).count(scenario) > 1:
            raise ValueError(f"scenarios must differ, got {scenario.name!r} twice alike")
        if scenario.sampling_rate is not None and rescan is None:
            raise ValueError(
                f"scenario {scenario.name!r} asks for sampling_rate {scenario.sampling_rate}: "
                "give rescan, which makes the scan at another rate"
            )
