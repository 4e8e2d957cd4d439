"""CUDA graphs give the numbers of eager calls, in every order of calls.

Without a GPU, `Tape` stands for a CUDA graph: it records torch's operations on tensors whose memory
stays, and repeats them. What only a GPU can tell (streams, memory pools, its libraries) is left
to the same tests there.
"""

from __future__ import annotations

import copy
import pickle
from contextlib import contextmanager, nullcontext

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from smuglib import attacks
from smuglib.analysis.linearization import Linearization
from smuglib.models import architectures, denoisers, graphs
from smuglib.models.denoisers import arithmetic
from smuglib.models.reconstruction import frozen
from smuglib.models.unrolled import UnrolledNetwork
from smuglib.random import generator
from smuglib.smoothing import Smoothing
from tests.helpers import draw, line_mask, relative_difference, sense

MASK = "0110100111010110"
STEPS = 3


class Tape(TorchDispatchMode):
    """Records operations, and repeats them on the same memory."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, out))
        return out

    @torch.no_grad()
    def replay(self):
        for func, args, kwargs, out in self.calls:
            again = func(*args, **kwargs)
            for old, new in zip(tree_leaves(out), tree_leaves(again), strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)

    def pool(self):
        return self


@contextmanager
def recorded(tape, *, stream, capture_error_mode, pool=None):
    with tape:
        yield


@pytest.fixture(
    params=[
        "cpu",
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.cuda,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
            ],
        ),
    ]
)
def device(request, monkeypatch):
    if request.param == "cpu":
        monkeypatch.setattr(graphs, "DEVICES", ("cpu",))
        # The layer of the CPU reads its slope's value, which no graph can.
        monkeypatch.setattr(architectures.SlopedReLU, "forward", nn.PReLU.forward)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", Tape)
        monkeypatch.setattr(torch.cuda, "graph", recorded)
        monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
        monkeypatch.setattr(torch.cuda, "Stream", lambda device: None)
        monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
        monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    return request.param


def denoiser(name="didn"):
    return denoisers.seeded({"name": name, "channels": 4, "blocks": 1}, 0)


def network(device, placement="denoiser", **options):
    """Return an eager network and its twin with graphs."""
    smoothing = Smoothing(placement, sigma=0.1, n_samples=2)
    eager = UnrolledNetwork(denoiser(), n_steps=STEPS, smoothing=smoothing, **options).to(device)
    twin = copy.deepcopy(eager)
    twin.denoiser.accelerate(graphs=True)
    return eager, twin


def scan(device, key="y"):
    A = sense(line_mask(MASK, MASK[::-1]), batch=2, height=16, dtype=torch.complex64).to(device)
    y = draw(2, *A.maps.shape[1:], key=key, dtype=torch.complex64).to(device)
    return A, A.adjoint(y * A.mask), y * A.mask


def recordings(net):
    """Return how many recordings of a network wait for a call."""
    return sum(len(idle) for idle in net.denoiser._run._idle.values())


def close(one, other, device):
    """Whether results agree: sums of gradients may be taken in another order on a GPU."""
    return torch.equal(one, other) if device == "cpu" else relative_difference(one, other) < 1e-3


def update(net, A, z, device, precision="float32"):
    """Return result and gradients of one update of plain gradient descent, having made it."""
    z = z.clone().requires_grad_(True)
    with arithmetic(net, precision):
        x = net(z, A, generator=generator(0, "noise", device=device))
    x.abs().square().sum().backward()
    gradients = [p.grad.clone() for p in net.parameters()]
    with torch.no_grad():
        for parameter in net.parameters():
            parameter -= 1e-3 * parameter.grad / parameter.grad.norm()
            parameter.grad = None
    return [x.detach(), z.grad, *gradients]


@pytest.mark.parametrize("placement", ["none", "end_to_end", "step", "denoiser"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_has_the_eager_numbers(device, placement, precision):
    eager, replayed = network(device, placement)
    for iteration in range(4):
        A, z, _ = scan(device, key=f"y{iteration}")
        expected = update(eager, A, z, device, precision)
        found = update(replayed, A, z, device, precision)
        assert all(close(*pair, device) for pair in zip(found, expected, strict=True))
        with torch.no_grad():
            results = [
                net(z, A, generator=generator(1, device=device)) for net in (eager, replayed)
            ]
        assert close(*results, device)
    # One for every call that waits for its backward pass, and one without gradients.
    assert recordings(replayed) == STEPS + 1


def test_a_common_autocast_differs_by_its_rounding_alone(device):
    # Eager calls sum the gradient of their common copy of the weights in bfloat16, which rounds to
    # 2^-9; a sum of three, of terms that cancel in part, is good to some percent.
    eager, replayed = network(device)
    A, z, _ = scan(device)
    with torch.autocast(device, torch.bfloat16):
        images = [net(z, A, generator=generator(0, device=device)) for net in (eager, replayed)]
    assert close(*images, device)
    for image in images:
        image.abs().square().sum().backward()
    pairs = zip(eager.parameters(), replayed.parameters(), strict=True)
    assert all(relative_difference(one.grad, other.grad) < 0.05 for one, other in pairs)


@pytest.mark.parametrize("rung", ["transfer", "adaptive", "adaptive_strong", "kspace"])
def test_attacks_have_the_eager_numbers(device, rung):
    eager, replayed = network(device)
    A, _, y = scan(device)
    target = draw(2, 16, 16, key="t", dtype=torch.complex64).to(device)
    attacked = [
        attacks.run(
            rung, net, y, A, target, epsilon=0.1, generator=generator(0, "attack", device=device)
        )
        for net in (eager, replayed)
    ]
    assert close(*attacked, device)
    assert recordings(replayed) >= STEPS
    assert all(parameter.requires_grad for parameter in replayed.parameters())


def test_calls_may_come_in_any_order(device):
    eager, replayed = network(device)
    A, z, _ = scan(device)
    results = []
    for net in (eager, replayed):
        points = [z.clone().requires_grad_(True) for _ in range(2)]
        # Two reconstructions wait; one is dropped; one without gradients comes in between.
        images = [net(point, A, generator=generator(0, device=device)) for point in points]
        dropped = net(points[0], A, generator=generator(1, device=device)).detach()
        with torch.no_grad():
            between = net(2 * z, A, generator=generator(2, device=device))
        first, second = (image.abs().square().sum() for image in images)
        gradients = [
            torch.autograd.grad(loss, points, allow_unused=True) for loss in (first, second)
        ]
        found = [dropped, between, gradients[0][0], gradients[1][1], *(i.detach() for i in images)]
        results.append(found)
        assert gradients[0][1] is None
    assert all(close(*pair, device) for pair in zip(*results, strict=True))
    del images, first, second
    assert recordings(replayed) == 3 * STEPS + 1


def test_a_gradient_outlives_the_next_call(device):
    _, net = network(device)
    x = draw(2, 16, 16, dtype=torch.complex64).to(device)
    net.denoiser(x).abs().sum().backward()
    kept = {name: p.grad for name, p in net.named_parameters()}
    values = {name: grad.clone() for name, grad in kept.items()}
    net.zero_grad(set_to_none=True)
    net.denoiser(3 * x).abs().sum().backward()
    assert all(torch.equal(kept[name], values[name]) for name in kept)
    assert recordings(net) == 1


def test_weights_elsewhere_are_recorded_anew_and_few_kinds_are_kept(device, monkeypatch):
    monkeypatch.setattr(graphs, "KEPT", 2)
    _, net = network(device)
    x = draw(2, 16, 16, dtype=torch.complex64).to(device)
    with torch.no_grad():
        net.denoiser(x)
        for parameter in net.parameters():
            parameter.data = torch.zeros_like(parameter)
        assert torch.equal(net.denoiser(x), x)
        assert recordings(net) == 2
        net.denoiser(x[:1])
        assert recordings(net) == 2
        net.double()
        assert torch.equal(net.denoiser(x.to(torch.complex128)), x.to(torch.complex128))


def test_what_was_recorded_in_inference_mode_serves_outside(device):
    eager, net = network(device)
    x = draw(2, 16, 16, dtype=torch.complex64).to(device)
    with torch.inference_mode():
        inside = net.denoiser(x)
    with torch.no_grad():
        assert torch.equal(net.denoiser(x), inside)
        assert close(inside, eager.denoiser(x), device)
    assert recordings(net) == 1


def test_a_call_is_differentiated_once(device):
    _, net = network(device)
    x = draw(2, 16, 16, dtype=torch.complex64).to(device).requires_grad_(True)
    loss = net.denoiser(x).abs().square().sum()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="graphs=True can be differentiated once a call"):
        loss.backward()
    loss = net.denoiser(x).abs().square().sum()
    (gradient,) = torch.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.abs().sum().backward()


def test_second_derivatives_and_checkpoints_go_around(device):
    eager, net = network(device, checkpoint=True)
    A, z, _ = scan(device)
    expected, found = (update(one, A, z, device) for one in (eager, net))
    assert all(close(*pair, device) for pair in zip(found, expected, strict=True))
    pushed = []
    for one in (eager, net):
        with frozen(one):
            pushed.append(Linearization(one.denoiser, z).push(1j * z))
    assert close(*pushed, device)
    value, pull = torch.func.vjp(net.denoiser, z)
    assert close(value, eager.denoiser(z), device) and pull(z)[0].isfinite().all()
    assert recordings(net) == 0


def through_pickle(net):
    return pickle.loads(pickle.dumps(net))  # noqa: S301


@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle])
def test_a_copy_has_the_option_and_its_own_recordings(device, duplicate):
    _, net = network(device)
    x = draw(2, 16, 16, dtype=torch.complex64).to(device)
    with torch.no_grad():
        before = net.denoiser(x)
        twin = duplicate(net)
        assert twin.denoiser.graphs and recordings(twin) == 0
        for parameter in twin.parameters():
            parameter.zero_()
        assert torch.equal(twin.denoiser(x), x)
        assert torch.equal(net.denoiser(x), before)


def test_without_a_gpu_the_option_changes_nothing():
    plain, asked, x = (
        denoiser(),
        denoiser().accelerate(graphs=True),
        draw(2, 16, 16, dtype=torch.complex64),
    )
    assert torch.equal(asked(x), plain(x))
    assert asked._run._idle == {}
    assert asked.accelerate().graphs is False


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"graphs": 1}, "graphs must be True or False, got 1"),
        (
            {"graphs": True, "compiled": True},
            "graphs must be False where compiled is True, got True",
        ),
    ],
)
def test_bad_options_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        denoiser("dncnn").accelerate(**settings)
