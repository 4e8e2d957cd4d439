"""Installed peers solve the same systems and unroll the same networks as the library."""

from dataclasses import replace

import pytest
import torch

from smugbench import networks, peers
from smugbench.cases import TARGET_RESIDUAL, Case, System
from smugbench.implementation import Setup, Smuglib

CPU = torch.device("cpu")
TINY = Case(height=32, width=40, n_coils=3, n_samples=2, n_steps=2)


@pytest.fixture
def peer(request):
    found, left_out = peers.find_peers(CPU)
    if request.param not in found:
        pytest.skip(next(line for line in left_out if line.startswith(request.param)))
    return found[request.param]


@pytest.mark.parametrize("peer", list(peers.INSTALL), indirect=True)
def test_peers_solve_the_same_system_as_accurately(peer):
    system = System.of(TINY)
    works = [build() for build in peer.solves(system).values()]
    assert works and peer.version
    assert all(0 < work.accuracy <= TARGET_RESIDUAL for work in works)
    for work in works:
        work.run()


@pytest.mark.parametrize("peer", ["bart"], indirect=True)
def test_a_process_tells_its_own_peak(peer):
    build = next(iter(peer.solves(System.of(TINY)).values()))
    assert 2**20 < build().peak_bytes() < 2**30


@pytest.fixture
def double():
    """Networks in double precision, deepinv's with tight conjugate gradients."""
    single = Setup.of(TINY)
    scan = single.scan
    tensors = {
        name: getattr(scan, name).to(torch.complex128) for name in ("kspace", "maps", "target")
    }
    setup = Setup(TINY, replace(scan, **tensors), single.network.double())

    def make(peer):
        loops = peer.networks(setup)
        for loop in loops.values():
            loop.physics.double().tol = 1e-9
        return Smuglib(setup), loops

    return make


@pytest.mark.parametrize("work", list(networks.network_works()))
@pytest.mark.parametrize("peer", ["deepinv"], indirect=True)
def test_a_plain_loop_gives_the_same_results(peer, double, work):
    ours, loops = double(peer)
    step, _ = networks.network_works()[work]
    expected = step(ours)
    for loop in loops.values():
        assert networks.difference(step(loop), expected) < 1e-5


@pytest.mark.parametrize("peer", ["deepinv"], indirect=True)
def test_stock_layers_are_torch_s_own(peer):
    loop = peer.networks(Setup.of(TINY))["deepinv loop, stock layers"]
    leaves = [module for module in loop.denoiser.modules() if not list(module.children())]
    assert {type(module) for module in leaves} == {torch.nn.Conv2d, torch.nn.PReLU}
    assert all(parameter.is_contiguous() for parameter in loop.parameters())
    ours = [parameter.shape for parameter in Smuglib(Setup.of(TINY)).parameters()]
    assert [parameter.shape for parameter in loop.parameters()] == ours


@pytest.mark.parametrize("peer", ["deepinv"], indirect=True)
def test_the_plain_loop_is_deepinv_s_own_unrolling(peer):
    from deepinv.optim import L2, BaseOptim, PnP
    from deepinv.optim.optim_iterators import HQSIteration

    from smugbench.peers.deepinv_physics import as_channels, as_complex

    setup = Setup.of(TINY)
    loop = peer.networks(setup)["deepinv loop, our layers"]
    model = BaseOptim(
        HQSIteration(g_first=True),
        max_iter=TINY.n_steps,
        data_fidelity=L2(),
        prior=PnP(lambda x, sigma: loop.denoiser(x)),
        params_algo={"stepsize": 1.0, "g_param": 0.01, "lambda_reg": 1.0},
        unfold=True,
    )
    with torch.no_grad():
        theirs = as_complex(model(as_channels(loop.kspace), loop.physics))
    assert networks.difference(loop.forward("none"), theirs) < 1e-6
