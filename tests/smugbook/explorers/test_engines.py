"""The engines of the live explorers: the numbers of the records, stopped at once, never stale."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from smugbook import profiles, results
from smugbook.explorers.live import pictures
from smugbook.explorers.live.forward_engine import ForwardEngine, ForwardRequest
from smugbook.explorers.live.robustness_engine import VIEWS, Request, RobustnessEngine
from smugbook.explorers.live.worker import Cancelled, Latest, Watch
from smugbook.results import Store
from smuglib.evaluation import evaluate
from smuglib.methods import METHODS
from smuglib.models import UnrolledNetwork, denoisers, save_network
from smuglib.smoothing import Smoothing
from tests.helpers import dft_matrix, normal_matrix

TINY = profiles.get("smoke").replace(height=32, width=32, strip_height=32, n_coils=2, n_test=3)
ATTACKED = {"view": "transfer", "epsilon": 0.01, "n_steps": 2, "attack_steps": 4}


def untrained(folder):
    """Weights of two methods that nobody trained."""
    kept = Store(folder)
    for seed, method in enumerate(("modl", "smug")):
        denoiser = denoisers.seeded({"name": "dncnn", "channels": 4, "blocks": 1}, seed)
        net = UnrolledNetwork(denoiser, n_steps=2, smoothing=Smoothing(METHODS[method], 0.05, 3))
        save_network(kept.weights(method, 0.05), net, method=method)
    return kept


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return untrained(tmp_path_factory.mktemp("store"))


@pytest.fixture
def engine(store):
    return RobustnessEngine(store, TINY)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("method", ["zero_filled", "tv", "modl", "smug"])
def test_the_numbers_are_those_of_the_evaluation(engine, store, method, view):
    epsilon, n_steps = 0.0 if view == "clean" else 0.02, None if method == "zero_filled" else 3
    request = Request(method, view, epsilon, 0.375, index=1, n_steps=n_steps, attack_steps=2)
    found = engine.compute(request)
    (row,) = evaluate(
        results.network(store, method, 0.05),
        [results.scan_of(TINY, 1, 0.375)],
        [request.scenario],
        method=method,
        training_sigma=0.05,
        progress=False,
    )
    for name in ("psnr", "ssim", "psnr_zero_filled", "ssim_zero_filled", "n_samples"):
        assert getattr(found, name) == getattr(row, name)
    assert found.n_steps == row.n_steps
    assert (found.perturbation.abs().max() > 0) == (view != "clean")
    assert found.mask.sum() == 12


def test_equal_settings_give_the_same_picture(engine, store):
    request = Request("smug", "adaptive_image", 0.01, index=2, attack_steps=2)
    first = engine.compute(request)
    assert engine.compute(request) is first
    again = RobustnessEngine(store, TINY).compute(request)
    assert torch.equal(again.reconstruction, first.reconstruction)
    other = engine.compute(Request("smug", "adaptive_image", 0.01, index=2, attack_steps=2, seed=1))
    assert not torch.equal(other.reconstruction, first.reconstruction)


def test_only_a_smoothed_picture_has_a_preview_and_says_its_samples(engine):
    request = Request("smug", n_samples=5)
    preview, final = engine.stages(request)
    assert final is request
    assert engine.compute(preview).n_samples == 2 and engine.compute(final).n_samples == 5
    for alone in (Request("modl"), Request("smug", n_samples=2), Request("smug", **ATTACKED)):
        assert engine.stages(alone) == (alone,)


BAD_REQUESTS = [
    ({"method": "unet"}, "method must be one of 'zero_filled', 'tv'"),
    ({"view": "published"}, "view must be one of 'clean'"),
    ({"epsilon": 0.1}, "epsilon must be 0 for view 'clean', got 0.1"),
    ({"view": "noise", "epsilon": -1}, "epsilon must be >= 0"),
    ({"sampling_rate": 0}, "sampling_rate must lie in"),
    ({"index": -1}, "index must be an integer >= 0"),
    ({"sigma": 0.02}, "sigma must be one of"),
    ({"n_steps": 0}, "n_steps must be an integer >= 1"),
    ({"n_samples": 1.5}, "n_samples must be an integer >= 1"),
    ({"attack_steps": 0}, "attack_steps must be an integer >= 1"),
    ({"seed": -1}, "seed must be an integer >= 0"),
]


@pytest.mark.parametrize(("values", "message"), BAD_REQUESTS)
def test_an_impossible_request_is_refused_when_it_is_made(values, message):
    with pytest.raises(ValueError, match=message):
        Request(**values)


@pytest.mark.parametrize(
    ("request_", "kind", "message"),
    [
        (Request("modl", index=3), ValueError, "index must be < n_test = 3, got 3"),
        (Request("modl", sampling_rate=0.05), ValueError, "center_fraction 0.08 asks for 3"),
        (Request("rs_e2e"), FileNotFoundError, "rs_e2e_s0.05"),
    ],
)
def test_what_a_profile_cannot_answer_is_named(engine, request_, kind, message):
    with pytest.raises(kind, match=message):
        engine.compute(request_)


@pytest.mark.parametrize("method", ["modl", "smug", "tv"])
def test_an_attack_tells_its_steps_and_stops_at_once(engine, method):
    heard = []
    engine.compute(Request(method, **ATTACKED), Watch(lambda *step: heard.append(step)))
    assert heard == [(step, 5) for step in range(6)]

    heard.clear()
    watch = Watch(lambda *step: (heard.append(step), watch.cancel() if step[0] == 2 else None))
    with pytest.raises(Cancelled):
        engine.compute(Request(method, index=1, **ATTACKED), watch)
    assert heard == [(0, 5), (1, 5), (2, 5)]
    # Nothing of what was stopped is left: neither hooks nor half a result.
    assert engine.compute(Request(method, index=1, **ATTACKED)).perturbation.abs().max() > 0
    assert len(heard) == 3


def test_a_stop_does_not_wait_for_the_whole_network(engine):
    denoiser = engine._network("modl", 0.05).denoiser
    calls, watch = [], Watch()

    def stop(*_):
        calls.append(1)
        watch.cancel()

    hook = denoiser.register_forward_hook(stop)
    with pytest.raises(Cancelled):
        engine.compute(Request("modl", index=1, n_steps=9), watch)
    hook.remove()
    assert len(calls) == 1


class Slow:
    """An engine whose answers wait until they are let go."""

    def __init__(self):
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.computed = []

    def stages(self, request):
        return (request,)

    def compute(self, request, watch):
        self.computed.append(request)
        watch.report(1, 2)
        self.begun.release()
        assert self.go.acquire(timeout=30)
        watch.check()
        if request == "bad":
            raise ValueError("bad")
        return request


class Ear:
    """Writes down what it hears."""

    def __init__(self):
        self.heard = []

    def started(self, request):
        self.heard.append(("started", request))

    def advanced(self, done, total):
        self.heard.append(("advanced", done))

    def shown(self, result, *, final):
        self.heard.append(("shown", result, final))

    def failed(self, error):
        self.heard.append(("failed", str(error)))

    def stopped(self, *, cancelled):
        self.heard.append(("stopped", cancelled))


@pytest.fixture
def slow():
    engine, ear = Slow(), Ear()
    return engine, ear, Latest(engine, ear)


def test_of_many_requests_only_the_last_is_shown(slow):
    engine, ear, latest = slow
    latest.submit("first")
    assert engine.begun.acquire(timeout=30)
    for number in range(50):
        latest.submit(number)
    engine.go.release(2)
    assert latest.wait(30)
    assert engine.computed == ["first", 49], "requests queued up"
    assert [said for said in ear.heard if said[0] == "shown"] == [("shown", 49, True)]
    assert ear.heard[-1] == ("stopped", False)


def test_a_result_that_is_ready_but_stale_is_dropped(slow):
    engine, ear, latest = slow
    latest.submit("old")
    assert engine.begun.acquire(timeout=30)
    latest.submit("new")
    before = len(ear.heard)
    engine.go.release(2)
    assert latest.wait(30)
    assert all("old" not in said for said in ear.heard[before:])
    assert ("shown", "new", True) in ear.heard


def test_a_cancelled_request_shows_nothing_and_the_next_is_answered(slow):
    engine, ear, latest = slow
    latest.cancel()
    assert ear.heard == []
    latest.submit("one")
    assert engine.begun.acquire(timeout=30)
    latest.cancel()
    assert ear.heard[-1] == ("stopped", True)
    engine.go.release()
    assert latest.wait(30)
    assert ear.heard[-1] == ("stopped", True)
    latest.submit("two")
    engine.go.release()
    assert latest.wait(30)
    assert ("shown", "two", True) in ear.heard and ("shown", "one", True) not in ear.heard


def test_an_error_is_told_and_the_next_request_is_answered(slow):
    engine, ear, latest = slow
    engine.go.release(2)
    latest.submit("bad")
    assert latest.wait(30)
    assert ear.heard[-1] == ("failed", "bad")
    latest.submit("good")
    assert latest.wait(30)
    assert ("shown", "good", True) in ear.heard


FORWARD = ForwardRequest(sampling_rate=0.375, coil=1, index=1)


def test_the_forward_model_is_that_of_the_simulator():
    found = ForwardEngine(TINY).scan(FORWARD)
    expected = results.scan_of(TINY, 1, 0.375)
    assert torch.equal(found.mask, expected.mask)
    # The scale is divided out twice, in float32: a few units in the last place.
    for name in ("kspace", "target"):
        assert torch.allclose(getattr(found, name), getattr(expected, name), rtol=0, atol=3e-6)
    assert found.scale == pytest.approx(expected.scale, rel=1e-5)


def test_spread_and_eigenvalues_are_those_of_the_dense_matrix():
    engine = ForwardEngine(TINY)
    result = engine.compute(FORWARD)
    scan = engine.scan(FORWARD)
    dense = normal_matrix(scan.operator)
    eigen = np.linalg.eigvalsh(dense)
    assert result.eigenvalues.largest == pytest.approx(eigen.max(), abs=1e-5)
    assert result.eigenvalues.smallest == pytest.approx(max(eigen.min(), 0), abs=1e-5)
    assert result.eigenvalues.weak == pytest.approx((eigen < 0.01).mean(), abs=2 / len(eigen))
    central = 16 * 32 + 16
    row = np.abs(dense[central]).reshape(32, 32)[16]
    assert np.allclose(result.spread_all, row / row[16], atol=1e-5)
    transform = dft_matrix(32)
    kernel = transform.conj().T @ np.diag(scan.mask[0, 0, 0].double().numpy()) @ transform
    assert np.allclose(result.spread_one, np.abs(kernel[16] / kernel[16, 16]), atol=1e-5)


def test_every_control_of_the_forward_model_changes_the_answer():
    engine = ForwardEngine(TINY)
    first = engine.compute(FORWARD)
    changes = {
        "sampling_rate": 0.5,
        "center_fraction": 0.25,
        "density": "uniform",
        "coil": 0,
        "index": 0,
        "mask_seed": 1,
    }
    for name, value in changes.items():
        other = engine.compute(ForwardRequest(**{**vars(FORWARD), name: value}))
        assert not torch.equal(other.kspace, first.kspace), name
    preview, final = engine.stages(FORWARD)
    assert engine.compute(preview).eigenvalues is None and final is FORWARD


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"coil": 2}, "coil must be < 2, got 2"),
        ({"index": 3}, "index must be < n_test = 3"),
        ({"center_fraction": 0.9}, "center_fraction 0.9 asks for 29"),
        ({"center_fraction": -0.1}, r"center_fraction must lie in \[0, 1\]"),
        ({"density": "poisson"}, "density must be one of 'variable', 'uniform'"),
    ],
)
def test_an_impossible_acquisition_is_named(values, message):
    with pytest.raises(ValueError, match=message):
        ForwardEngine(TINY).compute(ForwardRequest(**values))


@pytest.mark.parametrize(
    ("largest", "factor"), [(1.0, 1), (0.6, 1), (0.5, 2), (0.19, 5), (0.0055, 100), (3.0, 1)]
)
def test_the_magnification_is_round_and_stays_on_the_scale(largest, factor):
    assert pictures.magnification(largest, 1.0) == factor


def test_levels_are_the_values_on_their_scale():
    values = torch.tensor([[0.0, 0.5j, -1.0, 2.0]])
    assert pictures.grey_pixels(values, 1.0).tolist() == [[0, 128, 255, 255]]
    assert pictures.error_pixels(values, 2.0).shape == (1, 4, 3)
    decades = torch.tensor([[1.0, 0.1, 0.01, 0.0]])
    assert pictures.log_pixels(decades, 1.0, 2.0).tolist() == [[255, 128, 0, 0]]
