"""A network of another library, deepinv's own MoDL, is attacked by our ladder."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from smugbench import peers
from smuglib import attacks
from smuglib.attacks import LADDER, Attack
from smuglib.random import complex_normal, generator
from tests.scans import measurement

EPSILON = {"image": 0.02, "range": 0.02, "kspace": 0.2}


@pytest.fixture(scope="module")
def modl():
    """Return deepinv's MoDL as a function of (z, A), in double precision."""
    found, left_out = peers.find_peers(torch.device("cpu"))
    if "deepinv" not in found:
        pytest.skip(next(line for line in left_out if line.startswith("deepinv")))
    from deepinv.models import DnCNN, MoDL
    from deepinv.physics import LinearPhysics

    from smugbench.peers.deepinv_physics import as_channels, as_complex

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        denoiser = DnCNN(in_channels=2, out_channels=2, depth=4, nf=8, pretrained=None)
    net = MoDL(denoiser, num_iter=2).double()

    def reconstruct(z, A):
        # Measurements are z itself: their adjoint is the identity, and A^H A the whole operator.
        normal = LinearPhysics(
            A=lambda x: as_channels(A.normal(as_complex(x))),
            A_adjoint=lambda x: x,
            tol=1e-12,
            max_iter=200,
            implicit_backward_solver=False,
        )
        return as_complex(net(as_channels(z), normal))

    return reconstruct


def error(net, z, A, target):
    with torch.no_grad():
        return (net(z, A) - target).abs().square().sum((1, 2))


@pytest.mark.parametrize("rung", list(LADDER))
def test_every_rung_does_its_damage(modl, rung):
    y, A, target = measurement(dtype=torch.complex128)
    attack = replace(LADDER[rung], n_steps=3)
    epsilon = EPSILON[attack.domain]
    z = attacks.run(attack, modl, y, A, target, epsilon=epsilon, generator=generator(0))
    damage = error(modl, z, A, target)
    if attack.kind == "pgd":
        noise = replace(attack, kind="uniform")
        drawn = attacks.run(noise, modl, y, A, target, epsilon=epsilon, generator=generator(0))
        assert (damage > error(modl, drawn, A, target)).all()
        assert (damage > error(modl, A.adjoint(y), A, target)).all()


@pytest.mark.parametrize("domain", ["image", "kspace"])
def test_damage_grows_with_epsilon(modl, domain):
    y, A, target = measurement(dtype=torch.complex128)
    attack = Attack(domain=domain, norm="l2", n_steps=5)
    damage = [error(modl, A.adjoint(y), A, target)]
    for epsilon in (0.02, 0.1, 0.5):
        z = attacks.run(attack, modl, y, A, target, epsilon=epsilon, generator=generator(0))
        damage.append(error(modl, z, A, target))
    for weaker, stronger in zip(damage, damage[1:], strict=False):
        assert (stronger > weaker).all()


@pytest.mark.parametrize("domain", ["image", "kspace"])
def test_the_gradient_is_that_of_finite_differences(modl, domain):
    """An l2 step from zero is the unit gradient.

    deepinv adds 1e-8 to the denominators of its conjugate gradients; hence a tolerance of 1e-4.
    """
    y, A, target = measurement(size=8, dtype=torch.complex128)
    start = A.adjoint(y) if domain == "image" else y
    attack = Attack(domain=domain, norm="l2", n_steps=1, random_start=False)
    door = attacks.pgd if domain == "image" else attacks.pgd_kspace
    attacked = door(modl, start, A, target, epsilon=0.01, attack=attack, generator=generator(0))
    direction = (attacked - start) / (attacked - start).norm()
    probe = complex_normal(start.shape, 1.0, generator(6), start)
    probe = probe * A.mask if domain == "kspace" else probe

    def slope(step, h=1e-4):
        ends = (start + h * step, start - h * step)
        above, below = (
            error(modl, p if domain == "image" else A.adjoint(p), A, target).item() for p in ends
        )
        return (above - below) / (2 * h)

    along = slope(direction)
    projected = (direction.conj() * probe).real.sum().item()
    assert along > 0
    assert slope(probe) == pytest.approx(along * projected, rel=1e-4, abs=1e-4 * along)


def test_a_hidden_gradient_raises(modl):
    y, A, target = measurement(dtype=torch.complex128)
    with pytest.raises(RuntimeError, match="gradient is zero"):
        attacks.pgd(
            lambda z, A: modl(z.detach(), A), A.adjoint(y), A, target, generator=generator(0)
        )
