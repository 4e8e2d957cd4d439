"""A valid call of every public callable: what bad calls differ from in one argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

import smuglib as sl
from smuglib import losses, metrics, random, sampling, training
from smuglib.analysis import (
    Linearization,
    Spectrum,
    jacobian_norm,
    journal_bound,
    lesions,
    local_lipschitz,
    uncertainty,
)
from smuglib.attacks import Attack, pgd, pgd_kspace, run
from smuglib.consistency import CGSolver, LinewiseSolver, RangeSpace
from smuglib.data import (
    BrainDataset,
    FastMRIDataset,
    FastMRIProtocol,
    HeadDataset,
    HeadProtocol,
    Protocol,
    Scan,
    VolumeDataset,
    brain,
    collate,
    head,
    load_slice,
    locate,
    read_kspace,
    split_patients,
)
from smuglib.data.espirit import Espirit
from smuglib.evaluation import (
    Scenario,
    averages,
    bootstrap,
    compare,
    compare_methods,
    evaluate,
    missing,
    paired_differences,
    select,
    table_scenarios,
)
from smuglib.models import Denoiser, TotalVariation, Trace, ZeroFilled, load_network, save_network
from smuglib.models.denoisers import make, seeded
from smuglib.operators import fft2c, fftc, ifft2c, ifftc

Call = tuple[Callable[..., Any], dict[str, Any]]

HOLDERS = (
    "JacobianNorm",
    "JournalBound",
    "Interval",
    "Measurement",
    "Record",
    "Score",
    "Planted",
    "Trace",
    "ConvergenceWarning",
    "PrecisionWarning",
    "Reconstruction",
    "Objective",
    "KSpaceFile",
)
"""Public names that take no argument from a user: the library itself fills them."""


@cache
def parts() -> SimpleNamespace:
    """Return what the calls share; all of it is small, and none is changed by a call."""
    scan = brain("val", 0, height=32, width=32, n_coils=2, center_fraction=0.2)
    net = sl.UnrolledNetwork(nn.Tanh(), n_steps=1, smoothing=sl.Smoothing("denoiser", 0.01, 2))
    A, z = scan.operator, scan.operator.adjoint(scan.kspace)
    lesion = lesions.Lesion(16, 16, 2.0, 0.3)
    rows = [
        {"scenario": "clean", "method": method, "split": "test", "subject": s, "slice": s}
        | {"seed": 0, "value": s + 1.0, "psnr": s + 1.0, "training_sigma": 0.05}
        | {"placement": "none", "epsilon": 0.0, "sampling_rate": 0.25, "n_steps": 8, "n_samples": 0}
        | {"attack_steps": 0, "attack_restarts": 0, "attack_samples": 0}
        for method in ("modl", "smug")
        for s in range(3)
    ]
    tidy = ["method", "split", "subject", "slice", "value"]
    trace = Trace([z], [z[:, None]])
    table = pd.DataFrame(rows)
    return SimpleNamespace(
        scan=scan,
        net=net,
        A=A,
        z=z,
        x=z * 0.9,
        target=scan.target,
        y=scan.kspace,
        maps=scan.maps,
        mask=scan.mask,
        step=sl.DataConsistency(A, 1.0),
        lesion=lesion,
        planted=lesions.plant(scan, [lesion]),
        records=table,
        modl=table[table.method == "modl"],
        smug=table[table.method == "smug"],
        tidy=table[tidy],
        denoiser=make("dncnn", channels=2, blocks=1),
        trace=trace,
        spectrum=Spectrum.of(A),
        u=z.abs() + 0.1,
    )


def _lines() -> Linearization:
    p = parts()
    return Linearization(torch.tanh, p.z)


def _draws() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _attack(**more: Any) -> dict[str, Any]:
    p = parts()
    common = {"net": p.net, "A": p.A, "target": p.target, "epsilon": 0.01}
    return {**common, "generator": _draws(), **more}


@cache
def calls() -> dict[str, Call]:
    """Return every call by name: the callable, and arguments that it accepts."""
    p = parts()
    image = {"x": p.z}
    pair = {"x": p.x, "target": p.target}
    spread = {"predicted": p.u, "error": p.u, "mask": p.u > 0.2}
    small = {"height": 32, "width": 32, "n_coils": 2, "center_fraction": 0.2}
    folder = {"folder": "volumes", "split": "train", "fractions": {"train": 1.0}}
    volume = {"height": 32, "width": 32, "center_fraction": 0.3, "sampling_rate": 0.5}
    volume["espirit"] = Espirit(kernel_width=2)
    one = Attack(n_steps=1)
    complete = fft2c(p.maps * p.target[:, None])
    found: dict[str, Call] = {
        "Smoothing": (sl.Smoothing, {}),
        "SenseOperator": (sl.SenseOperator, {"maps": p.maps, "mask": p.mask}),
        "SenseOperator.forward": (p.A.forward, image),
        "SenseOperator.adjoint": (p.A.adjoint, {"y": p.y}),
        "SenseOperator.normal": (p.A.normal, image),
        "SenseOperator.to": (p.A.to, {"target": torch.complex128}),
        "DataConsistency": (sl.DataConsistency, {"A": p.A}),
        "DataConsistency.__call__": (p.step.__call__, {"z": p.z, "d": p.z}),
        "DataConsistency.solve": (p.step.solve, {"rhs": p.z}),
        "CGSolver": (CGSolver, {"A": p.A}),
        "LinewiseSolver": (LinewiseSolver, {"A": p.A}),
        "RangeSpace": (RangeSpace, {"A": p.A, "floor": 0.1}),
        "RangeSpace.__call__": (RangeSpace(p.A, 0.1).__call__, image),
        "fft2c": (fft2c, image),
        "ifft2c": (ifft2c, {"kspace": p.y}),
        "fftc": (fftc, {"x": p.z, "axis": -1}),
        "ifftc": (ifftc, {"x": p.z, "axis": -1}),
        "cartesian_mask": (
            sampling.cartesian_mask,
            {"width": 32, "sampling_rate": 0.25, "generator": _draws()},
        ),
        "sampling_rate": (sampling.sampling_rate, {"mask": p.mask}),
        "UnrolledNetwork": (sl.UnrolledNetwork, {"denoiser": nn.Tanh()}),
        "UnrolledNetwork.forward": (p.net, {"z": p.z, "A": p.A, "generator": _draws()}),
        "TotalVariation": (TotalVariation, {}),
        "TotalVariation.forward": (TotalVariation(n_steps=2), {"z": p.z, "A": p.A}),
        "ZeroFilled": (ZeroFilled, {}),
        "Denoiser": (
            Denoiser,
            {"body": nn.Identity(), "stride": 1, "architecture": {"name": "identity"}},
        ),
        "Denoiser.forward": (p.denoiser, image),
        "Denoiser.accelerate": (make("dncnn", channels=2, blocks=1).accelerate, {}),
        "make": (make, {"name": "dncnn", "channels": 2, "blocks": 1}),
        "seeded": (seeded, {"architecture": p.denoiser.architecture, "seed": 0}),
        "load": (sl.load, {"name": "modl"}),
        "load_network": (load_network, {"path": "net.safetensors"}),
        "save_network": (
            save_network,
            {"path": "out.safetensors", "network": sl.UnrolledNetwork(p.denoiser)},
        ),
        "Attack": (Attack, {}),
        "pgd": (pgd, _attack(z=p.z, attack=one)),
        "pgd_kspace": (pgd_kspace, _attack(y=p.y, n_steps=1)),
        "run": (run, _attack(y=p.y, rung="random_uniform")),
        "Protocol": (Protocol, {}),
        "brain": (brain, small),
        "BrainDataset": (BrainDataset, {"split": "val", "n_slices": 1, **small}),
        "HeadProtocol": (HeadProtocol, {}),
        "head": (head, small),
        "HeadDataset": (HeadDataset, {"split": "val", "n_slices": 1, **small}),
        "VolumeDataset": (VolumeDataset, {"folder": "images", "split": "train", **small}),
        "locate": (locate, {"split": "test", "index": 0}),
        "Scan": (Scan, {field.name: getattr(p.scan, field.name) for field in fields(Scan)}),
        "Scan.from_kspace": (
            Scan.from_kspace,
            {"kspace": complete, "mask": p.mask, "maps": p.maps},
        ),
        "read_kspace": (read_kspace, {"path": "scan.npy"}),
        "Scan.to": (p.scan.to, {"device": "cpu"}),
        "collate": (collate, {"scans": [p.scan, p.scan]}),
        "FastMRIProtocol": (FastMRIProtocol, {}),
        "FastMRIDataset": (FastMRIDataset, folder | volume),
        "load_slice": (load_slice, {"volume": "volumes/one.h5", "index": 0, **volume}),
        "split_patients": (split_patients, {"files": ["volumes/one.h5"]}),
        "Espirit": (Espirit, {}),
        "Espirit.estimate": (Espirit(kernel_width=2).estimate, {"kspace": p.y}),
        "psnr": (metrics.psnr, pair),
        "ssim": (metrics.ssim, pair),
        "nmse": (metrics.nmse, pair),
        "ssim_published": (metrics.ssim_published, pair),
        "reconstruction_loss": (losses.reconstruction_loss, pair),
        "mean_squared_error": (losses.mean_squared_error, pair),
        "pretraining_loss": (
            losses.pretraining_loss,
            {"denoiser": nn.Tanh(), "target": p.z, "sigma": 0.1, "generator": _draws()},
        ),
        "unrolled_stability": (
            losses.unrolled_stability,
            {"trace": p.trace, "denoiser": nn.Tanh(), "target": p.z},
        ),
        "finetuning_loss": (
            losses.finetuning_loss,
            pair | {"trace": p.trace, "denoiser": nn.Tanh()},
        ),
        "one_cycle": (training.one_cycle, {"update": 1, "total": 10, "peak": 1.0}),
        "derived_seed": (random.derived_seed, {"seed": 0}),
        "generator": (random.generator, {"seed": 0}),
        "complex_normal": (
            random.complex_normal,
            {"shape": (2, 3), "sigma": 0.1, "generator": _draws(), "like": p.z},
        ),
        "Scenario": (Scenario, {"name": "clean"}),
        "table_scenarios": (table_scenarios, {}),
        "evaluate": (
            evaluate,
            {"net": ZeroFilled(), "scans": [p.scan], "scenarios": [Scenario("clean")]}
            | {"method": "zero_filled", "training_sigma": 0.0, "progress": False},
        ),
        "averages": (averages, {"rows": p.records}),
        "compare": (compare, {"first": p.smug, "second": p.modl, "n_resamples": 10}),
        "compare_methods": (compare_methods, {"records": p.records, "n_resamples": 10}),
        "paired_differences": (
            paired_differences,
            {"rows": p.tidy, "column": "method", "first": "smug", "second": "modl"},
        ),
        "select": (select, {"block": p.records, "scenario": Scenario("clean")}),
        "missing": (missing, {"block": p.records, "scenarios": [Scenario("clean")]}),
        "bootstrap": (
            bootstrap.bootstrap,
            {"values": [1.0, 2.0], "subjects": [0, 1], "n_resamples": 10},
        ),
        "jacobian_norm": (jacobian_norm, {"net": p.net, "point": p.z, "A": p.A, "max_iter": 1}),
        "journal_bound": (journal_bound, {"net": p.net, "z": p.z, "A": p.A, "steps": [1]}),
        "local_lipschitz": (
            local_lipschitz,
            {"net": p.net, "point": p.z, "A": p.A, "radius": 0.1, "n_steps": 1},
        ),
        "Linearization": (Linearization, {"function": torch.tanh, "point": p.z}),
        "Linearization.push": (_lines().push, {"direction": p.z}),
        "Linearization.pull": (_lines().pull, {"change": p.z}),
        "Spectrum": (Spectrum, {"values": p.spectrum.values, "vectors": p.spectrum.vectors}),
        "Spectrum.of": (Spectrum.of, {"A": p.A}),
        "Spectrum.coefficients": (p.spectrum.coefficients, image),
        "Spectrum.energy": (p.spectrum.energy, image | {"edges": torch.tensor([0.1])}),
        "Spectrum.counts": (p.spectrum.counts, {"edges": torch.tensor([0.1])}),
        "Spectrum.measurement_norm": (
            p.spectrum.measurement_norm,
            {"delta": p.z, "floor": 0.1},
        ),
        "spread": (uncertainty.spread, {"samples": torch.stack([p.z, p.x], 1)}),
        "foreground": (uncertainty.foreground, {"target": p.target}),
        "gradient_magnitude": (uncertainty.gradient_magnitude, image),
        "rank_correlation": (uncertainty.rank_correlation, spread),
        "underestimation": (uncertainty.underestimation, spread),
        "calibration": (uncertainty.calibration, spread),
        "Lesion": (lesions.Lesion, {"row": 3, "column": 3, "radius": 2.0, "contrast": 0.2}),
        "Lesion.profile": (p.lesion.profile, {"height": 32, "width": 32}),
        "Lesion.disc": (p.lesion.disc, {"height": 32, "width": 32}),
        "plant": (lesions.plant, {"scan": p.scan, "lesions": [p.lesion]}),
        "footprint": (lesions.footprint, {"planted": p.planted}),
        "objective": (lesions.objective, {"planted": p.planted, "aim": "erase"}),
        "draw": (
            lesions.draw,
            {"target": torch.ones(1, 32, 32) + 0j, "n_lesions": 1, "radius": 1, "contrast": 0.2}
            | {"generator": _draws()},
        ),
        "contrast_recovery": (
            lesions.contrast_recovery,
            {"planted": p.planted, "x": p.z, "free": p.x},
        ),
        "false_contrast": (lesions.false_contrast, {"planted": p.planted, "free": p.x}),
        "apparent_contrast": (lesions.apparent_contrast, {"planted": p.planted, "x": p.z}),
        "mean_in": (
            lesions.mean_in,
            {"values": p.u, "masks": torch.from_numpy(np.ones((2, 32, 32), bool))},
        ),
    }
    return found
