"""Evaluation: every method in every scenario, one record per slice.

The random draws of a row are a function of the seed and the slice alone. All methods meet the
same random starts, and the noise of the scored reconstruction is not the attacker's.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from tqdm import tqdm

from smuglib import checks, metrics, provenance, sampling
from smuglib.budget import Budget
from smuglib.consistency.step import MismatchedStep, SolverName, Step
from smuglib.data.scan import Scan
from smuglib.evaluation import records, scores
from smuglib.evaluation.scenarios import Scenario
from smuglib.evaluation.scores import Score
from smuglib.evaluation.trial import check_single, reconstruct
from smuglib.models.precision import tf32
from smuglib.models.reconstruction import Reconstruction, n_steps_of, operand, options, smoothing_of
from smuglib.operators.sense import SenseOperator

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
    budget: Budget | None = None,
    progress: bool = True,
) -> list[Score]:
    """Evaluate one method on all scans in all scenarios: rows scan by scan.

    Parameters
    ----------
    net
        The method, on the device to compute on, in evaluation mode; one without parameters
        computes where the scans lie.
    scans
        Scans, each a batch of one.
    scenarios
        What to put them through; no two may be the same.
    method, training_sigma, weights_sha256
        What the records say of the network: name, noise in training, hash of the weights file.
    rescan
        Returns the scan of the same slice at another sampling rate; needed by scenarios that
        name one.
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
    budget
        Time that this may take; looked at after every scan, once a row has been computed.

    Raises
    ------
    BudgetSpentError
        If the time is up before the last scan; with ``partial`` the next call goes on from there.
    """
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
        for number, scan in enumerate(scans, start=1):
            found = _scan_rows(net, scan, scenarios, common, known, rescan, solver, keep, device)
            for row in found:
                rows.append(row)
                bar.update()
            if partial is not None:
                ours = {row.identity for row in rows}
                rest = [row for identity, row in known.items() if identity not in ours]
                records.keep(partial, [*rows, *rest], Score)
            # What was only looked up is no progress: a call with too little time would make none.
            is_new = any(row.identity not in known for row in rows)
            if budget is not None and is_new and budget.is_spent and number < len(scans):
                budget.stop(f"{method} has been through {number} of {len(scans)} scans")
    return rows


def _scan_rows(
    net: Reconstruction,
    scan: Scan,
    scenarios: Sequence[Scenario],
    common: dict[str, Any],
    known: dict[tuple[object, ...], Score],
    rescan: Rescan | None,
    solver: SolverName,
    keep: Keep | None,
    device: torch.device,
) -> Iterator[Score]:
    """Compute or look up the rows of one scan; the factors of its operators are kept."""
    check_single(scan)
    measured: dict[float | None, Scan] = {None: scan.to(device)}
    for scenario in scenarios:
        rate = scenario.sampling_rate
        if rate is not None and rate not in measured and rescan is not None:
            measured[rate] = rescan(scan, rate).to(device)
        found = measured[rate]
        believed = measured[None] if scenario.mask_mismatch else found
        unscored: dict[str, Any] = dict.fromkeys(scores.RESULTS, 0.0)
        blank = Score(**common, **_settings(net, scenario, found, believed), **unscored)
        if blank.identity in known:
            yield known[blank.identity]
            continue
        A = _operand(net, believed.operator, found.operator, solver)
        z, x = reconstruct(net, found, scenario, seed=common["seed"], A=A)
        row = replace(blank, **_results(z, x, found.target))
        if keep is not None:
            keep(row, x)
        yield row


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
        options(net, n_steps=scenario.n_steps, n_samples=scenario.n_samples)
        if list(scenarios).count(scenario) > 1:
            raise ValueError(f"scenarios must differ, got {scenario.name!r} twice alike")
        if scenario.sampling_rate is not None and rescan is None:
            raise ValueError(
                f"scenario {scenario.name!r} asks for sampling_rate {scenario.sampling_rate}: "
                "give rescan, which makes the scan at another rate"
            )
