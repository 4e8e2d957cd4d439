"""Scans of k-space of one's own: mask, maps, scale and target, and what needs a target."""

from __future__ import annotations

import os
import shutil
import subprocess

import numpy as np
import pytest
import torch
from torch import nn

import smuglib as sl
from smuglib.data import Scan, collate, read_kspace
from smuglib.evaluation import Scenario, evaluate
from smuglib.models import TotalVariation, UnrolledNetwork, ZeroFilled
from smuglib.random import generator
from tests.fastmri_files import relative
from tests.kspace_files import HEIGHT, WIDTH, complete, truth, write_cfl


def columns(rate=0.5):
    return sl.sampling.cartesian_mask(WIDTH, rate, 0.34, generator=generator(0, "mask"))


def positions():
    """A random half of all positions, and the centre of 16 x 16."""
    mask = torch.rand(HEIGHT, WIDTH, generator=generator(0, "positions")) < 0.5
    mask[HEIGHT // 2 - 8 : HEIGHT // 2 + 8, WIDTH // 2 - 8 : WIDTH // 2 + 8] = True
    return mask


@pytest.mark.parametrize("given", [True, False], ids=["given", "inferred"])
@pytest.mark.parametrize("mask", [columns(), positions()], ids=["columns", "positions"])
def test_the_mask_is_what_is_given_or_what_is_not_zero(mask, given):
    maps, image = truth()
    full = mask.expand(1, 1, HEIGHT, WIDTH) if mask.ndim == 2 else mask
    measured = complete() * full
    scan = Scan.from_kspace(measured[0], mask if given else None, maps[0])
    assert torch.equal(scan.mask, full)
    z = sl.SenseOperator(maps, full).adjoint(measured)
    assert scan.scale == pytest.approx(z.abs().max().item(), rel=1e-5)
    torch.testing.assert_close(scan.operator.adjoint(scan.kspace) * scan.scale, z)
    assert not scan.has_target and scan.target.isnan().all()
    known = Scan.from_kspace(complete(), mask, maps)
    assert known.has_target and torch.equal(known.kspace, scan.kspace)
    torch.testing.assert_close(known.target * known.scale, image, rtol=1e-4, atol=1e-9)


def test_a_batch_is_its_scans_and_arrays_may_be_numpys():
    kspace = torch.cat([complete(0), complete(1)])
    maps = torch.cat([truth(0)[0], truth(1)[0]])
    batch = Scan.from_kspace(kspace.numpy(), columns().numpy()[0, 0, 0], maps.numpy())
    singly = collate([Scan.from_kspace(k, columns(), m) for k, m in zip(kspace, maps, strict=True)])
    for name in ("kspace", "maps", "mask", "target", "scale"):
        torch.testing.assert_close(getattr(batch, name), getattr(singly, name))


def test_arrays_of_other_bytes_and_strides_are_the_same_scan():
    kspace, maps = complete().numpy(), truth()[0]
    other = kspace.astype(">c16")[..., ::-1].copy()[..., ::-1]
    for found in (kspace, other):
        scan = Scan.from_kspace(found, maps=maps)
        torch.testing.assert_close(scan.kspace * scan.scale, complete())
    with pytest.raises(TypeError, match="kspace must hold numbers, got ndarray of shape"):
        Scan.from_kspace(kspace.astype(str))


def test_maps_that_cannot_be_estimated_must_be_given():
    pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")
    with pytest.raises(ValueError, match="maps cannot be estimated, and must be given: the fully"):
        Scan.from_kspace(complete() * (torch.arange(WIDTH) % 2))


def test_maps_are_estimated_from_the_calibration_region():
    """Expected: the known maps, up to a phase, which 13 to 16 samples turn by 6 % at most."""
    pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")
    maps, image = truth()
    for mask in (columns(), positions()):
        scan = Scan.from_kspace(complete(), mask)
        agreement = (maps.conj() * scan.maps).sum(1).abs()
        support = (scan.maps.abs().sum(1) > 0) & (image.abs() > 0.1 * image.abs().max())
        assert agreement[support].min() > 1 - 0.06**2 / 2


def test_columns_that_a_scanner_filled_with_zeros_leave_a_scan_complete():
    kspace = complete()
    kspace[..., :3] = 0
    scan = Scan.from_kspace(kspace, maps=truth()[0])
    assert scan.has_target and not scan.mask[..., :3].any() and scan.mask[..., 3:].all()
    kspace[..., 9] = 0
    assert not Scan.from_kspace(kspace, maps=truth()[0]).has_target


def test_what_does_not_fit_is_refused():
    kspace, maps = complete(), truth()[0]
    with pytest.raises(TypeError, match="kspace must be complex"):
        Scan.from_kspace(kspace.real)
    with pytest.raises(ValueError, match="kspace must have 3 or 4 axes"):
        Scan.from_kspace(kspace[0, 0])
    with pytest.raises(ValueError, match="kspace must be finite"):
        Scan.from_kspace(kspace * torch.nan)
    with pytest.raises(ValueError, match="kspace must hold a signal"):
        Scan.from_kspace(0 * kspace)
    with pytest.raises(ValueError, match="mask must have shape"):
        Scan.from_kspace(kspace, torch.ones(WIDTH - 1), maps)
    with pytest.raises(ValueError, match="maps must have the shape of kspace"):
        Scan.from_kspace(kspace, None, maps[:, :2])
    with pytest.raises(ValueError, match="must give a finite image"):
        Scan.from_kspace(kspace, None, 0 * maps)
    mixed = [Scan.from_kspace(kspace, mask, maps) for mask in (columns(), positions())]
    with pytest.raises(ValueError, match="masks of columns, or of positions"):
        collate(mixed)


def without_target():
    return Scan.from_kspace(complete() * columns(), maps=truth()[0])


NEEDS = {
    "psnr": lambda s, z: sl.metrics.psnr(z, s.target),
    "ssim": lambda s, z: sl.metrics.ssim(z, s.target),
    "nmse": lambda s, z: sl.metrics.nmse(z, s.target),
    "pgd": lambda s, z: sl.attacks.pgd(
        TotalVariation(n_steps=2), z, s.operator, s.target, generator=generator(0)
    ),
    "run": lambda s, z: sl.attacks.run(
        "kspace", ZeroFilled(), s.kspace, s.operator, s.target, epsilon=0.1, generator=generator(0)
    ),
    "evaluate": lambda s, z: evaluate(
        ZeroFilled(), [s], [Scenario("clean")], method="zero_filled", training_sigma=0.0,
        progress=False,
    ),
    "scaled_by_target": lambda s, z: s.scaled_by_target(),
}  # fmt: skip


@pytest.mark.parametrize("name", NEEDS)
def test_what_needs_a_target_says_so(name):
    scan = without_target()
    with pytest.raises(ValueError, match="target must be finite, got 1920 NaN"):
        NEEDS[name](scan, scan.operator.adjoint(scan.kspace))


def dense(scan):
    """Return ``A`` as a matrix, from the sums that define the Fourier transform."""

    def dft(n):
        k = np.arange(n) - n // 2
        return np.exp(-2j * np.pi * np.outer(k, k) / n) / np.sqrt(n)

    height, width = scan.maps.shape[-2:]
    transform = np.kron(dft(height), dft(width))
    mask = scan.mask.expand(1, 1, height, width).reshape(-1, 1).numpy()
    maps = scan.maps[0].reshape(len(scan.maps[0]), -1).numpy().astype(complex)
    return np.concatenate([mask * (transform * one) for one in maps])


def test_positions_are_reconstructed_as_a_dense_solve_does():
    """Two unrolled steps around ``tanh`` on each part; single precision, CG to 1e-6."""
    rng = np.random.default_rng(0)
    kspace = (rng.normal(size=(3, 10, 12)) + 1j * rng.normal(size=(3, 10, 12))).astype("c8")
    mask, maps = rng.random((10, 12)) < 0.4, np.exp(1j * rng.normal(size=(3, 10, 12))).astype("c8")
    scan = Scan.from_kspace(kspace, mask, maps)
    step = sl.DataConsistency(scan.operator, 0.1)
    assert step.solver == "cg"
    z = scan.operator.adjoint(scan.kspace)
    squash = Squash()
    found = UnrolledNetwork(squash, n_steps=2, lam=0.1)(z, scan.operator)
    A = dense(scan)
    rhs = A.conj().T @ scan.kspace.reshape(-1).numpy()
    x = rhs
    for _ in range(2):
        denoised = np.tanh(x.real) + 1j * np.tanh(x.imag)
        x = np.linalg.solve(A.conj().T @ A + 0.1 * np.eye(len(x)), rhs + 0.1 * denoised)
    np.testing.assert_allclose(found.flatten().numpy(), x, atol=1e-5)


class Squash(nn.Module):
    def forward(self, x):
        return torch.complex(x.real.tanh(), x.imag.tanh())


def test_positions_are_attacked_through_conjugate_gradients():
    """The gradient against a finite difference of the same reconstruction, in double precision."""
    scan = Scan.from_kspace(complete(), positions(), truth()[0])
    A = scan.operator.to(torch.complex128)
    step = sl.DataConsistency(A, 0.5, tol=1e-12)
    z = A.adjoint(scan.kspace.to(torch.complex128)).requires_grad_(True)
    along = torch.ones_like(z) / z.numel() ** 0.5

    def error(z):
        return (step(z, torch.zeros_like(z)) - scan.target).abs().square().sum()

    (gradient,) = torch.autograd.grad(error(z), z)
    slope = (gradient.conj() * along).real.sum().item()
    with torch.no_grad():
        difference = (error(z + 1e-4 * along) - error(z - 1e-4 * along)).item() / 2e-4
    assert slope == pytest.approx(difference, rel=1e-6)


@pytest.mark.skipif(shutil.which("bart") is None, reason="no program bart on PATH")
@pytest.mark.parametrize("mask", [columns(), positions()], ids=["columns", "positions"])
def test_bart_reconstructs_the_same_from_the_same_files(tmp_path, mask):
    """``pics -l2 -r λ`` minimizes ``||A x - y||² + λ ||x||²``, which is our step at d = 0."""
    maps, _ = truth()
    full = mask.expand(1, 1, HEIGHT, WIDTH) if mask.ndim == 2 else mask
    path = write_cfl(tmp_path / "kspace.cfl", (complete() * full).numpy())
    write_cfl(tmp_path / "maps.cfl", maps.numpy())
    scan = Scan.from_kspace(read_kspace(path).kspace(0), maps=maps)
    options = "-S -l2 -r 0.05 -w 1 -i 100"
    command = f"bart pics {options} kspace maps x".split()
    subprocess.run(command, cwd=tmp_path, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    theirs = np.fromfile(tmp_path / "x.cfl", np.complex64).reshape(WIDTH, HEIGHT).T
    z = scan.operator.adjoint(scan.kspace)
    ours = sl.DataConsistency(scan.operator, 0.05)(z, torch.zeros_like(z)) * scan.scale
    assert relative(torch.from_numpy(theirs.copy())[None], ours) < 1e-3
