"""The robustness explorer's engine: one method on one slice, clean, noisy or attacked.

It computes what `smuglib.evaluation.evaluate` computes, by the same function and from the same
seeds: equal settings give the numbers of the records, and the same picture every time.
"""

import threading
import time
from dataclasses import dataclass, replace
from typing import Any

import torch
from cachetools import LRUCache, cached
from torch import Tensor

from smugbook.explorers.live.worker import Watch, following
from smugbook.profiles import Profile
from smugbook.results.scans import scan_of
from smugbook.results.store import BASELINES, Method, Store, network
from smugbook.words.labels import SCENARIO_LABELS
from smuglib import checks, metrics
from smuglib.data import Scan
from smuglib.evaluation import Scenario, table_scenarios
from smuglib.evaluation.trial import reconstruct
from smuglib.methods import METHODS, SIGMAS
from smuglib.models.reconstruction import n_steps_of, smoothing_of

VIEWS = tuple(SCENARIO_LABELS)
"""Scenarios that can be asked for; see `smuglib.evaluation.table_scenarios`."""

ATTACKS = VIEWS[2:]

RELATIVE = "adaptive_kspace_l2"
"""The view whose ε is relative to ``||y||_2``; all others have it in units of the scan's scale."""

PREVIEW_SAMPLES = 2
"""Noise samples of the preview that comes before a smoothed reconstruction."""

KEPT_BYTES = 512 * 2**20
"""Memory for scans with the factors of their operators; another 64 MiB hold results."""


@dataclass(frozen=True)
class Request:
    """Settings of one picture; None is the network's own.

    ``epsilon`` is in units of the scan's scale, or relative to ``||y||_2`` for `RELATIVE`.
    """

    method: str = "smug"
    view: str = "clean"
    epsilon: float = 0.0
    sampling_rate: float = 0.25
    index: int = 0
    sigma: float = SIGMAS[0]
    n_steps: int | None = None
    n_samples: int | None = None
    attack_steps: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        checks.one_of("method", self.method, (*BASELINES, *METHODS))
        checks.one_of("view", self.view, VIEWS)
        if self.view == "clean" and self.epsilon != 0:
            raise ValueError(f"epsilon must be 0 for view 'clean', got {self.epsilon!r}")
        checks.fraction("sampling_rate", self.sampling_rate)
        checks.integer("index", self.index, minimum=0)
        if self.sigma not in SIGMAS:
            raise ValueError(f"sigma must be one of {SIGMAS}, got {self.sigma!r}")
        checks.integer("attack_steps", self.attack_steps)
        checks.integer("seed", self.seed, minimum=0)
        self.scenario  # noqa: B018  # building it checks the rest

    @property
    def scenario(self) -> Scenario:
        """What the method is put through, as in the records."""
        known = table_scenarios(
            self.epsilon,
            epsilon_kspace_l2=self.epsilon,
            epsilon_kspace_linf=self.epsilon,
            attack_steps=self.attack_steps,
        )
        chosen = next(scenario for scenario in known if scenario.name == self.view)
        return replace(chosen, n_steps=self.n_steps, n_samples=self.n_samples)


@dataclass(frozen=True, eq=False)
class Result:
    """Images ``[height, width]`` in units of the scan's scale, and numbers of one request.

    The perturbation is part of the zero-filled image, which is what the method was given.
    """

    request: Request
    target: Tensor
    zero_filled: Tensor
    reconstruction: Tensor
    perturbation: Tensor
    mask: Tensor
    psnr: float
    ssim: float
    psnr_zero_filled: float
    ssim_zero_filled: float
    n_steps: int
    n_samples: int
    seconds: float


class RobustnessEngine:
    """Answers requests on the CPU, and keeps networks, scans, factors and results."""

    def __init__(self, store: Store, profile: Profile) -> None:
        self.store, self.profile = store, profile
        self._networks: dict[tuple[str, float], Method] = {}
        scans: LRUCache[Any, Scan] = LRUCache(KEPT_BYTES, getsizeof=_scan_bytes)
        self._scan = cached(scans)(lambda index, rate: scan_of(profile, index, rate))
        results: LRUCache[Any, Result] = LRUCache(64 * 2**20, getsizeof=_result_bytes)
        self._answer = cached(results, key=lambda request, watch: request)(self._computed)
        self._lock = threading.Lock()

    def stages(self, request: Request) -> tuple[Request, ...]:
        """Return what to compute: where it costs much less, a preview with few noise samples."""
        if request.view in ATTACKS or METHODS.get(request.method, "none") == "none":
            return (request,)
        asked = request.n_samples or self.profile.n_samples
        if asked <= PREVIEW_SAMPLES:
            return (request,)
        return replace(request, n_samples=PREVIEW_SAMPLES), request

    def compute(self, request: Request, watch: Watch | None = None) -> Result:
        """Answer one request."""
        watch = Watch() if watch is None else watch
        with self._lock:
            return self._answer(request, watch)

    def _computed(self, request: Request, watch: Watch) -> Result:
        begun = time.perf_counter()
        watch.check()
        scan = self._scan(request.index, request.sampling_rate)
        net = self._network(request.method, request.sigma)
        watch.check()
        with following(net, watch, _passes(request)):
            z, x = reconstruct(net, scan, request.scenario, seed=request.seed)
        smoothing = smoothing_of(net)
        samples = smoothing.n_samples if smoothing.is_active else 0
        return Result(
            request,
            target=scan.target[0],
            zero_filled=z[0],
            reconstruction=x[0],
            perturbation=(z - scan.operator.adjoint(scan.kspace))[0],
            mask=scan.mask[0, 0, 0],
            psnr=metrics.psnr(x, scan.target).item(),
            ssim=metrics.ssim(x, scan.target).item(),
            psnr_zero_filled=metrics.psnr(z, scan.target).item(),
            ssim_zero_filled=metrics.ssim(z, scan.target).item(),
            n_steps=request.n_steps or n_steps_of(net),
            n_samples=samples and (request.n_samples or samples),
            seconds=time.perf_counter() - begun,
        )

    def _network(self, method: str, sigma: float) -> Method:
        # A baseline is the same at every noise level.
        key = method, sigma if method in METHODS else 0.0
        if key not in self._networks:
            self._networks[key] = network(self.store, method, sigma)
        return self._networks[key]


def _passes(request: Request) -> int:
    """Return how often the network is called: once a step of the attack, and for the score."""
    attacked = request.view in ATTACKS and request.epsilon > 0
    return 1 + (request.attack_steps if attacked else 0)


def _scan_bytes(scan: Scan) -> int:
    """Return the memory of a scan and of the factors that live as long as it."""
    height, width = scan.target.shape[1:]
    held = sum(value.nbytes for value in vars(scan).values() if isinstance(value, Tensor))
    return held + height * width**2 * scan.target.element_size()


def _result_bytes(result: Result) -> int:
    return sum(value.nbytes for value in vars(result).values() if isinstance(value, torch.Tensor))
