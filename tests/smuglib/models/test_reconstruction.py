"""Any callable from (z, A) to images is attacked and evaluated, or told what is wrong."""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from smuglib import attacks
from smuglib.attacks import LADDER, Attack
from smuglib.consistency import DataConsistency
from smuglib.evaluation import Scenario, evaluate, table_scenarios
from smuglib.models import TotalVariation, ZeroFilled
from smuglib.models.reconstruction import operand, options
from smuglib.operators import SenseOperator
from smuglib.random import complex_normal, generator
from smuglib.smoothing import Smoothing
from tests.scans import measurement, network, scan

EPSILON = {"image": 0.02, "kspace": 0.2}
OPTIONS = {"method": "mine", "training_sigma": 0.0, "progress": False}


class UNet(nn.Module):
    """A stranger's: one level down and up on the zero-filled image, and nothing but (z, A)."""

    def __init__(self, channels=8):
        super().__init__()
        self.down = nn.Conv2d(2, channels, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(channels, 2, 2, stride=2)

    def forward(self, z, A):
        assert isinstance(A, SenseOperator)
        x = torch.view_as_real(z).movedim(-1, 1)
        return z + torch.view_as_complex(
            self.up(torch.tanh(self.down(x))).movedim(1, -1).contiguous()
        )


def unet():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return UNet()


STRANGERS = {
    "unet": unet,
    "function": lambda: unet().forward,
    "zero_filled": ZeroFilled,
    "tv": lambda: TotalVariation(0.02, n_steps=4),
}
each_stranger = pytest.mark.parametrize("make", STRANGERS.values(), ids=STRANGERS)


def error(net, z, A, target):
    with torch.no_grad():
        return (net(z, A) - target).abs().square().sum((1, 2))


@each_stranger
@pytest.mark.parametrize("rung", list(LADDER))
def test_every_rung_runs_on_every_method(make, rung):
    y, A, target = measurement(batch=2)
    net, attack = make(), replace(LADDER[rung], n_steps=3)
    z = A.adjoint(y)
    strength = EPSILON["kspace" if rung == "kspace" else "image"]
    attacked = attacks.run(attack, net, y, A, target, epsilon=strength, generator=generator(0))
    again = attacks.run(attack, net, y, A, target, epsilon=strength, generator=generator(0))
    assert torch.equal(attacked, again) and not torch.equal(attacked, z)
    if attack.kind == "pgd":
        assert (error(net, attacked, A, target) > error(net, z, A, target)).all()


@each_stranger
@pytest.mark.parametrize("domain", ["image", "kspace"])
def test_damage_grows_with_epsilon_and_exceeds_that_of_noise(make, domain):
    y, A, target = measurement(batch=2)
    net = make()
    adaptive = replace(LADDER["adaptive"], domain=domain, norm="l2")
    damage = [error(net, A.adjoint(y), A, target)]
    for epsilon in (0.02, 0.1, 0.5):
        reached = [
            attacks.run(attack, net, y, A, target, epsilon=epsilon, generator=generator(0))
            for attack in (adaptive, replace(adaptive, kind="uniform"))
        ]
        attacked, random = (error(net, z, A, target) for z in reached)
        assert (attacked > random).all()
        damage.append(attacked)
    for weaker, stronger in zip(damage, damage[1:], strict=False):
        assert (stronger > weaker).all()


@pytest.mark.parametrize("domain", ["image", "kspace"])
def test_the_gradient_is_that_of_finite_differences(domain):
    """An l2 step from zero is the unit gradient; differences in float64 agree to 1e-6."""
    y, A, target = measurement(batch=1, size=8, dtype=torch.complex128)
    net, door = unet().double(), attacks.pgd if domain == "image" else attacks.pgd_kspace
    start = A.adjoint(y) if domain == "image" else y
    attack = Attack(domain=domain, norm="l2", n_steps=1, random_start=False)
    attacked = door(net, start, A, target, epsilon=0.01, attack=attack, generator=generator(0))
    direction = (attacked - start) / (attacked - start).norm()
    probe = complex_normal(start.shape, 1.0, generator(6), start)
    probe = probe * A.mask if domain == "kspace" else probe

    def slope(step, h=1e-6):
        ends = (start + h * step, start - h * step)
        above, below = (
            error(net, p if domain == "image" else A.adjoint(p), A, target).item() for p in ends
        )
        return (above - below) / (2 * h)

    projected = (direction.conj() * probe).real.sum().item()
    assert slope(direction) > 0
    assert slope(probe) == pytest.approx(slope(direction) * projected, rel=1e-6, abs=1e-9)


def test_a_hidden_gradient_raises():
    y, A, target = measurement()
    hidden = lambda z, A: z.detach()  # noqa: E731
    with pytest.raises(RuntimeError, match="gradient is zero"):
        attacks.pgd(hidden, A.adjoint(y), A, target, generator=generator(0))


@pytest.mark.parametrize("method", ["modl", "smug"])
@pytest.mark.parametrize("domain", ["image", "kspace"])
def test_shortcuts_are_the_attack_with_those_settings(method, domain):
    y, A, target = measurement()
    net, rung = network(method), LADDER["adaptive" if domain == "image" else "kspace"]
    door = attacks.pgd if domain == "image" else attacks.pgd_kspace
    start = A.adjoint(y) if domain == "image" else y
    norm = "l2" if domain == "image" else "linf"
    given = {"epsilon": 0.02}
    short = door(net, start, A, target, n_steps=3, norm=norm, generator=generator(0), **given)
    attack = replace(rung, n_steps=3, norm=norm)
    whole = door(net, start, A, target, attack=attack, generator=generator(0), **given)
    climbed = attacks.run(attack, net, y, A, target, generator=generator(0), **given)
    assert torch.equal(short, whole)
    assert torch.equal(climbed, whole if domain == "image" else A.adjoint(whole))
    plain = door(net, start, A, target, generator=generator(0), **given)
    assert torch.equal(
        plain, door(net, start, A, target, attack=rung, generator=generator(0), **given)
    )


def test_a_unet_in_the_table():
    chosen = [unet(), unet().forward]
    scenarios = table_scenarios(0.02, epsilon_kspace_l2=0.1, attack_steps=3)
    module, function = (evaluate(net, [scan()], scenarios, **OPTIONS) for net in chosen)
    assert module == function
    rows = {row.scenario: row for row in module}
    assert {(row.placement, row.n_steps, row.n_samples) for row in module} == {("none", 0, 0)}
    assert rows["adaptive_image"].psnr < rows["noise"].psnr
    assert rows["transfer_published"].psnr == rows["transfer"].psnr == rows["adaptive_image"].psnr
    assert rows["adaptive_kspace_l2"].psnr < rows["clean"].psnr


def test_what_a_method_is_called_with():
    _, A, _ = measurement()
    step = DataConsistency(A, 3.0)
    assert operand(unet(), A) is operand(unet(), step) is A
    assert operand(network(), step) is step
    assert operand(network(), A).lam.item() == 1.0
    assert operand(TotalVariation(lam=0.3), A, "cg").solver == "cg"
    with pytest.raises(TypeError, match="A must be a SenseOperator"):
        operand(unet(), "A")


def test_noise_and_settings_are_given_to_those_who_name_them():
    seen = []

    def noisy(z, A, *, generator, n_steps=7, smoothing=None):
        seen.append((generator.initial_seed(), n_steps, smoothing))
        return z + 0.01 * complex_normal(z.shape, 1.0, generator, z)

    y, A, target = measurement()
    attacks.run(
        "transfer", noisy, y, A, target, epsilon=0.01, unrolling_steps=2, generator=generator(0)
    )
    assert {(n, s.placement) for _, n, s in seen} == {(2, "none")}
    seen.clear()
    attacks.pgd(noisy, A.adjoint(y), A, target, generator=generator(0))
    assert {(n, s) for _, n, s in seen} == {(7, None)}


# --- refusals -----------------------------------------------------------------------------------


def test_settings_that_a_method_does_not_take_are_refused_before_anything_is_computed():
    y, A, target = measurement()
    calls = []

    def plain(z, A):
        calls.append(1)
        return z

    def drawing(z, A, *, generator):
        return plain(z, A)

    steps = Scenario("short", n_steps=2)
    with pytest.raises(ValueError, match=r"n_steps=2 is asked of .* takes only \(z, A\)"):
        attacks.pgd(plain, A.adjoint(y), A, target, unrolling_steps=2, generator=generator(0))
    with pytest.raises(ValueError, match="n_steps=2 is asked"):
        evaluate(plain, [scan()], [Scenario("clean"), steps], **OPTIONS)
    with pytest.raises(ValueError, match=r"n_samples=3 is asked of .* \(z, A, generator\)"):
        options(drawing, n_samples=3)
    for rung in ("transfer", "adaptive_strong"):
        with pytest.raises(ValueError, match="smoothing=.* is asked"):
            attacks.run(rung, drawing, y, A, target, epsilon=0.1, generator=generator(0))
    assert not calls
    # Without noise there are no samples to choose, and no smoothing to go around.
    assert options(plain, n_samples=3, around=True) == {}


def test_antithetic_pairs_are_asked_of_smoothed_methods_alone():
    net = network("smug", n_samples=4)
    pairs = replace(net.smoothing, antithetic=True)
    assert options(net, antithetic=True) == {"smoothing": pairs}
    six = options(net, n_samples=6, antithetic=True)
    assert six == {"n_samples": 6, "smoothing": replace(pairs, n_samples=6)}
    assert options(net, antithetic=True, around=True) == {"smoothing": Smoothing("none")}
    assert options(network("modl"), antithetic=True) == {}


@pytest.mark.parametrize(
    ("broken", "kind", "message"),
    [
        (lambda z, A: z.abs(), TypeError, "what the method returns must be complex"),
        (lambda z, A: z.numpy(), TypeError, "what the method returns must be a torch.Tensor"),
        (lambda z, A: z[:, None], ValueError, "what the method returns must have 3 axes"),
        (lambda z, A: z[..., 1:], ValueError, "what the method returns must have the shape of z"),
    ],
)
def test_a_wrong_result_is_refused(broken, kind, message):
    y, A, target = measurement()

    def detached(z, A):
        return broken(z.detach(), A)

    with pytest.raises(kind, match=message):
        attacks.pgd(detached, A.adjoint(y), A, target, generator=generator(0))
    with pytest.raises(kind, match=message):
        evaluate(detached, [scan()], [Scenario("clean")], **OPTIONS)


# --- the page of the book -----------------------------------------------------------------------


def test_the_page_attacks_a_network_in_under_20_lines():
    page = Path(__file__).parents[3] / "book" / "attack_your_own.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert sum(bool(line.strip()) for line in code.splitlines()) < 20
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, str(page), "exec"), {})
    scores = dict(line.split() for line in printed.getvalue().splitlines())
    assert float(scores["transfer"]) == float(scores["adaptive"]) < float(scores["random_uniform"])
