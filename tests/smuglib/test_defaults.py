"""Nothing depends on torch's global dtype or device, and what is kept serves every later call."""

import ast
import copy
import pickle
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

import smuglib as sl
from smuglib import attacks
from smuglib.consistency import CGSolver, PrecisionWarning
from smuglib.consistency.linewise import LinewiseSolver
from smuglib.models import denoisers
from smuglib.models.architectures import Conv2d
from smuglib.random import complex_normal, generator

ROOT = Path(sl.__file__).parent

FLOATING = {"zeros", "ones", "rand", "randn", "empty", "full", "eye", "linspace", "fftfreq"}
PLACED = FLOATING | {"arange", "tensor", "as_tensor", "randint", "randperm"}


def factory_calls():
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("torch."):
                name = ast.unparse(node.func).rpartition(".")[2]
                keywords = {keyword.arg for keyword in node.keywords}
                if name in PLACED and None not in keywords:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", name, keywords


def test_every_new_tensor_names_its_dtype_and_device():
    calls = list(factory_calls())
    assert len(calls) > 20
    assert not [where for where, _, keywords in calls if "device" not in keywords]
    assert not [
        where for where, name, keywords in calls if name in FLOATING and "dtype" not in keywords
    ]


@contextmanager
def defaults(dtype, device):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(before)


def everything():
    """What a reader would compute: a mask, a scan, networks, and attacks on them."""
    found = {"mask": sl.sampling.cartesian_mask(64, 0.25, generator=generator(0, "mask"))}
    scan = sl.data.brain("test", 3, height=64, width=64, n_coils=4)
    found |= {"kspace": scan.kspace, "maps": scan.maps, "target": scan.target}
    net = denoisers.seeded({"name": "unet", "channels": 4, "blocks": 1}, 0)
    found |= {f"weight {name}": value for name, value in net.state_dict().items()}
    smug = sl.UnrolledNetwork(net, n_steps=2, smoothing=sl.Smoothing("denoiser", 0.05, 2))
    z = scan.operator.adjoint(scan.kspace)
    for rung in attacks.LADDER:
        draws = generator(0, "attack")
        options = {"epsilon": 0.01, "generator": draws}
        found[rung] = attacks.run(rung, smug, scan.kspace, scan.operator, scan.target, **options)
    step = sl.DataConsistency(scan.operator, 0.5, "cg")
    found |= {"cg": step(z, z), "psnr": sl.metrics.psnr(z, scan.target)}
    found |= {"ssim": sl.metrics.ssim_published(z, scan.target)}
    return {name: value.detach() for name, value in found.items()}


@pytest.mark.parametrize(
    ("dtype", "device"), [(torch.float64, "cpu"), (torch.float16, "cpu"), (torch.float32, "meta")]
)
def test_no_result_depends_on_torchs_defaults(dtype, device):
    expected = everything()
    with defaults(dtype, device):
        found = everything()
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value.dtype == expected[name].dtype, name
        assert torch.equal(value, expected[name]), name


def test_shipped_weights_are_loaded_as_they_are():
    with defaults(torch.float64, "cpu"):
        weights = {parameter.dtype for parameter in sl.load("modl").parameters()}
    assert weights == {torch.float32}


def operator(dtype=torch.complex64, *, size=16, key="maps", requires_1d=True):
    like = torch.zeros((), dtype=dtype)
    maps = complex_normal((1, 4, size, size), 0.5, generator(0, key), like)
    maps = maps / maps.abs().square().sum(1, keepdim=True).sqrt()
    columns = torch.arange(size) % 3 == 0
    mask = columns.view(1, 1, 1, size) if requires_1d else columns.expand(1, 1, size, size)
    return sl.SenseOperator(maps, mask)


def image(A, key):
    return complex_normal(A.image_shape, 1.0, generator(1, key), A.maps)


def test_what_an_inference_mode_computed_serves_a_later_attack():
    with torch.inference_mode():
        A = operator()
        z = A.adjoint(A.forward(image(A, "target")))
        net = sl.UnrolledNetwork(nn.Tanh(), n_steps=2)
        net(z, A)
        A.normal(z)
        inside = attacks.pgd(net, z, A, z, epsilon=0.1, generator=generator(0, "attack"))
    outside = attacks.pgd(net, z, A, z, epsilon=0.1, generator=generator(0, "attack"))
    assert torch.equal(inside, outside)
    y = A.forward(image(A, "target"))
    attacks.pgd_kspace(net, y, A, z, epsilon=0.1, generator=generator(0, "attack"))
    x = image(A, "x").requires_grad_(True)
    (gradient,) = torch.autograd.grad(A.normal(x).abs().square().sum(), x)
    assert gradient.isfinite().all()


def test_two_lams_on_one_operator_from_many_threads():
    A, lams = operator(), (1.0, 4.0, 0.25)
    rhs = image(A, "rhs").unsqueeze(1)
    expected = {lam: LinewiseSolver(A).solve(rhs, torch.tensor(lam)) for lam in lams}
    wrong = []

    def work(lam):
        try:
            for _ in range(100):
                x = sl.DataConsistency(A, lam, "linewise").solve(rhs)
                if not torch.equal(x, expected[lam]):
                    wrong.append(lam)
        except Exception as error:  # pragma: no cover
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(lam,)) for lam in lams * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("lam", [1.0, 1e-3, 1e-5, 1e-6])
def test_the_error_of_a_small_lam_is_announced_and_bounded(lam):
    """Expected: the same solve in complex128."""
    exact = operator(torch.complex128)
    A = exact.to(torch.complex64)
    d = image(exact, "d")
    condition = 1 + A.norm_bound / lam
    announced = 1e-2 < condition * torch.finfo(torch.float32).eps
    if announced:
        with pytest.warns(PrecisionWarning, match="condition number of up to"):
            step = sl.DataConsistency(A, lam, "linewise")
    else:
        step = sl.DataConsistency(A, lam, "linewise")
    x = step.solve((lam * d).to(torch.complex64)).to(torch.complex128)
    truth = sl.DataConsistency(exact, lam, "linewise").solve(lam * d)
    error = (x - truth).norm() / truth.norm()
    assert error <= condition * torch.finfo(torch.float32).eps
    assert announced or error < 1e-2


@pytest.mark.parametrize("size", [1e-18, 1e-12, 1.0, 1e12, 1e18])
@pytest.mark.parametrize("lam", [0.5, 1e12])
def test_conjugate_gradients_know_no_scale(size, lam):
    A = operator(requires_1d=False)
    rhs, lam = image(A, "rhs").unsqueeze(1), torch.tensor(lam)
    # A power of two rounds nothing, so nothing may change.
    factor = 2.0 ** round(torch.log2(torch.tensor(size)).item())
    assert torch.equal(CGSolver(A).solve(rhs * factor, lam) / factor, CGSolver(A).solve(rhs, lam))
    x = CGSolver(A).solve(rhs, lam)
    residual = A.normal(x) + lam * x - rhs
    assert residual.norm() < 1e-5 * rhs.norm()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, in its own forward mode
@pytest.mark.parametrize("solver", ["linewise", "cg", "cg_coupled"])
def test_data_consistency_under_torch_func(solver):
    A = operator(torch.complex128, size=8)
    step = sl.DataConsistency(A, 0.5, solver, tol=1e-14)
    z, d = image(A, "z"), image(A, "d")

    def loss(d):
        return torch.view_as_real(step(z, d)).square().sum()

    (expected,) = torch.autograd.grad(loss(d.requires_grad_(True)), d)
    d = d.detach()
    torch.testing.assert_close(torch.func.grad(loss)(d), expected, rtol=1e-9, atol=1e-12)
    _, pulled = torch.func.vjp(loss, d)
    torch.testing.assert_close(pulled(torch.ones((), dtype=torch.float64))[0], expected)
    along = image(A, "direction")
    _, slope = torch.func.jvp(loss, (d,), (along,))
    torch.testing.assert_close(slope, (expected.conj() * along).real.sum())
    many = torch.stack((d, 2 * d, along))
    singly = torch.stack([step(z, one) for one in many])
    torch.testing.assert_close(torch.func.vmap(lambda one: step(z, one))(many), singly)
    mapped = torch.func.vmap(torch.func.grad(loss))(many)
    torch.testing.assert_close(mapped[0], expected, rtol=1e-9, atol=1e-12)


def test_a_network_under_torch_func():
    A = operator(size=16)
    net = sl.UnrolledNetwork(denoisers.seeded({"name": "unet", "channels": 4, "blocks": 1}, 0))
    net.double().requires_grad_(False)
    A, z = A.to(torch.complex128), image(A, "z").to(torch.complex128)

    def loss(z):
        return torch.view_as_real(net(z, A, n_steps=2)).square().sum()

    (expected,) = torch.autograd.grad(loss(z.requires_grad_(True)), z)
    torch.testing.assert_close(torch.func.grad(loss)(z.detach()), expected)


def test_a_lam_that_learns_is_refused_with_the_way_out():
    with pytest.raises(TypeError, match=r"net\(z, DataConsistency\(A, lam\)\)"):
        sl.UnrolledNetwork(nn.Tanh(), lam=nn.Parameter(torch.tensor(0.5)))


@pytest.mark.parametrize(
    "settings",
    [
        {"padding": 1, "padding_mode": "circular"},
        {"padding": 1, "padding_mode": "reflect"},
        {"padding": 2, "dilation": 2},
        {"padding": 1, "groups": 2},
        {"padding": (1, 0), "stride": (1, 2)},
        {"padding": "same"},
    ],
)
def test_a_frozen_convolution_is_torchs_whatever_its_settings(settings):
    ours = Conv2d(4, 4, 3, dtype=torch.float64, **settings).requires_grad_(False)
    theirs = nn.Conv2d(4, 4, 3, dtype=torch.float64, **settings).requires_grad_(False)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 4, 9, 8, generator=generator(0, "x"), dtype=torch.float64)
    results = []
    for layer in (ours, theirs):
        point = x.clone().requires_grad_(True)
        y = layer(point)
        results.append((y, torch.autograd.grad(y.square().sum(), point)[0]))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def through_pickle(net):
    return pickle.loads(pickle.dumps(net))  # noqa: S301


@pytest.mark.filterwarnings("ignore")  # torch.compile trips over warnings of its own
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle])
def test_a_copy_of_a_compiled_network_has_its_own_weights(duplicate):
    net = denoisers.seeded({"name": "dncnn", "channels": 2, "blocks": 1}, 0)
    net.accelerate(compiled=True)
    x = complex_normal((1, 8, 8), 1.0, generator(0, "x"), torch.zeros((), dtype=torch.complex64))
    before = net(x)
    twin = duplicate(net)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert torch.equal(twin(x), x)
    assert torch.equal(net(x), before)
