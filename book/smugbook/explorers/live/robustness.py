"""The robustness explorer: every method on a test slice, clean, noisy or attacked."""

from typing import Any

from smugbook import profiles
from smugbook.explorers.live import pictures
from smugbook.explorers.live.explorer import LiveExplorer, choice, count, decimal, slider
from smugbook.explorers.live.robustness_engine import (
    ATTACKS,
    RELATIVE,
    Request,
    Result,
    RobustnessEngine,
)
from smugbook.results.store import BASELINES, Store
from smugbook.words.labels import METHOD_LABELS, SCENARIO_LABELS
from smugbook.words.numbers import percent
from smuglib.methods import METHODS, SIGMAS

ERROR_LIMIT = 0.1
"""Error drawn brightest, in units of ``max |t|``."""


class RobustnessExplorer(LiveExplorer[Request, Result]):
    """Sliders for ε and sampling rate, and choosers for all else that a result depends on."""

    def __init__(self, engine: RobustnessEngine, start: Request) -> None:
        self._profile = engine.profile
        # Labels of the book, in its order.
        methods = [(label, name) for name, label in METHOD_LABELS.items()]
        attacks = [(SCENARIO_LABELS[name], name) for name in ATTACKS]
        attacked = start.view in ATTACKS
        view, attack = ("attack", start.view) if attacked else (start.view, "transfer")
        relative = start.view == RELATIVE
        epsilon = 1.0 if relative or start.view == "clean" else 255 * start.epsilon
        n_steps = start.n_steps or self._profile.n_steps
        n_samples = start.n_samples or self._profile.n_samples
        self._seed = start.seed
        super().__init__(
            engine,
            start,
            {
                "method": choice("method", methods, start.method),
                "sigma": choice("σ of training", SIGMAS, start.sigma),
                "view": choice("view", ["clean", "noise", "attack"], view),
                "attack": choice("attack", attacks, attack),
                "epsilon": slider("ε (1/255 of scale)", 0, 4, epsilon),
                "strength": slider("ε (% of ‖y‖₂)", 0, 4, 100 * start.epsilon if relative else 2.0),
                "sampling_rate": slider("columns (%)", 1, 100, 100 * start.sampling_rate, step=1),
                "index": count("test slice", 0, self._profile.n_test - 1, start.index),
                "n_steps": count("unrolling steps", 1, 16, n_steps),
                "n_samples": count("noise samples", 1, 32, n_samples),
                "attack_steps": count("attack steps", 1, 50, start.attack_steps),
            },
        )

    def arrange(self) -> None:
        """Leave only those controls enabled that change the picture."""
        method, view = self.controls["method"].value, self._view()
        attacked, relative = view in ATTACKS, view == RELATIVE
        for name, used in {
            "sigma": method in METHODS,
            "attack": attacked,
            "attack_steps": attacked,
            "epsilon": view != "clean" and not relative,
            "strength": relative,
            "n_steps": method in METHODS,
            "n_samples": METHODS.get(method, "none") != "none",
        }.items():
            self.controls[name].disabled = not used

    def request(self) -> Request:
        """Return what the controls ask for."""
        values: dict[str, Any] = {name: control.value for name, control in self.controls.items()}
        counts: dict[str, Any] = {
            name: None if self.controls[name].disabled else values[name]
            for name in ("n_steps", "n_samples")
        }
        view = self._view()
        epsilon = decimal(values["epsilon"]) / 255
        if view == RELATIVE:
            epsilon = decimal(values["strength"]) / 100
        return Request(
            view=view,
            epsilon=0.0 if view == "clean" else epsilon,
            sampling_rate=decimal(values["sampling_rate"]) / 100,
            seed=self._seed,
            **counts,
            **{name: values[name] for name in ("method", "index", "sigma", "attack_steps")},
        )

    def drawn(self, result: Result) -> str:
        """Return the images of a result, with their scales and scores."""
        target = result.target
        peak = target.abs().max().item()
        limit = ERROR_LIMIT * peak
        name, error = METHOD_LABELS[result.request.method], result.reconstruction - target
        images = [
            ("target", target, ""),
            ("zero-filled", result.zero_filled, _scores(result, "_zero_filled")),
            (name, result.reconstruction, _scores(result)),
        ]
        return pictures.row(
            *(
                pictures.panel(
                    title, pictures.grey_pixels(image, peak), alt=f"magnitude, {title}", note=note
                )
                for title, image, note in images
            ),
            pictures.panel(
                f"error of {name}",
                pictures.error_pixels(error, limit),
                alt=f"magnitude of the error of {name}",
                note=f"largest {error.abs().max().item():.3f}",
            ),
            _perturbation(result, peak),
            pictures.panel(
                "k-space mask",
                pictures.mask_pixels(result.mask, len(target)),
                alt="sampled columns of k-space, white",
                note=f"{int(result.mask.sum())} of {len(result.mask)} columns",
            ),
        ) + pictures.row(
            pictures.scale("magnitude 0", f"{peak:.2f} = max |t|"),
            pictures.scale("error 0", f"{limit:.3f} = {ERROR_LIMIT:g} max |t|", colour=True),
        )

    def described(self, result: Result) -> str:
        """Return the settings of a result, and how long it took."""
        request = result.request
        words = [METHOD_LABELS[request.method], SCENARIO_LABELS[request.view]]
        if request.view == RELATIVE:
            words.append(f"ε = {percent(request.epsilon, 2)} of ‖y‖₂")
        elif request.view != "clean":
            words.append(f"ε = {255 * request.epsilon:g}/255")
        words.append(f"{percent(request.sampling_rate)} of the columns")
        if request.method not in BASELINES:
            words += [f"σ = {request.sigma:g}", f"{result.n_steps} steps"]
        if result.n_samples:
            words.append(f"{result.n_samples} noise samples")
        return f"{', '.join(words)}; computed in {result.seconds:.2f} s"

    def awaited(self, result: Result) -> str:
        """Return what a preview is."""
        return f"preview with {result.n_samples} noise samples; refining …"

    def _view(self) -> str:
        view: str = self.controls["view"].value
        return self.controls["attack"].value if view == "attack" else view


def robustness(
    *,
    profile: str = "default",
    results: str = "shipped",
    **start: Any,  # noqa: ANN401
) -> RobustnessExplorer:
    """Make the robustness explorer."""
    settings = profiles.get(profile)
    start.setdefault("sampling_rate", settings.sampling_rate)
    engine = RobustnessEngine(Store.open(profile, results), settings)
    return RobustnessExplorer(engine, Request(**start))


def _perturbation(result: Result, peak: float) -> str:
    largest = result.perturbation.abs().max().item()
    factor = pictures.magnification(largest, peak) if largest else 1
    return pictures.panel(
        f"perturbation × {factor}" if largest else "perturbation: none",
        pictures.grey_pixels(factor * result.perturbation, peak),
        alt=f"magnitude of the perturbation, magnified {factor} times",
        note=f"largest {largest:.4f}",
    )


def _scores(result: Result, suffix: str = "") -> str:
    psnr, ssim = getattr(result, f"psnr{suffix}"), getattr(result, f"ssim{suffix}")
    return f"PSNR {psnr:.2f} dB\nSSIM {ssim:.3f}"
