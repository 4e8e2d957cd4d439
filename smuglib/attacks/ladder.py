"""The settings of an attack, and the ladder of attacks that every method goes through.

======================  =========================================================================
rung                    what the attacker differentiates
======================  =========================================================================
``random_gaussian``     nothing: Gaussian noise with standard deviation ε (the poster's noise)
``random_uniform``      nothing: a uniform draw from the ball
``transfer_published``  the network without smoothing, data-consistency gradient cut, as the
                        poster's published code does
``transfer``            the network without smoothing, exact gradient
``adaptive``            the defended reconstruction, averaged over fresh noise
``adaptive_strong``     the same: adaptive steps, two runs, the first from ``transfer``'s
                        perturbation; best iterate
``independent``         the same by a search of another design, to check the strong one by
``kspace``              the defended reconstruction, δ on the measured samples themselves
======================  =========================================================================
"""

from dataclasses import dataclass
from typing import Literal, get_args, get_origin, get_type_hints

from smuglib import checks
from smuglib.attacks.balls import Norm

Precision = Literal["float32", "bfloat16"]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True)
class Attack:
    """Everything about an attack but its strength ε.

    Parameters
    ----------
    kind
        ``"pgd"``, or noise that knows nothing of the network: ``"gaussian"`` or ``"uniform"``,
        of the same norm (see `smuglib.attacks.balls.Ball`).
    domain
        What is perturbed: the zero-filled ``"image"``; the same in the ``"range"`` of ``A^H``,
        where a measurement error causes δ (see ``floor``); or the sampled ``"kspace"``.
    norm
        ``"linf"`` on real and imaginary parts, or ``"l2"`` of one scan. ε is absolute, except
        for ``"l2"`` in k-space, where it is relative to ``||y||_2`` of each scan.
    n_steps, n_restarts
        Steps of gradient ascent in a run, and runs, of which each scan keeps its worst.
    step_fraction
        Length of a step, or of the first adaptive one, in units of ε; the poster's is 1/3,
        Auto-PGD's is 2.
    random_start
        Start from a uniform draw from the ball, instead of from zero.
    keep
        The ``"last"`` iterate of a run, or the ``"best"``: the one of the largest error.
    gradient
        ``"exact"``, or ``"cut"``: data consistency passes no gradient to ``z``, as in the
        poster's published code; only the path through ``x_0`` and the denoisers does.
    through
        ``"smoothing"``: differentiate the defended reconstruction, with fresh noise at each step
        (expectation over transformations; Athalye et al., ICML 2018). ``"around"``: differentiate
        the network with its smoothing switched off, a transfer attack.
    n_samples
        Noise samples of the differentiated reconstruction; the network's own number by default.
    precision
        Arithmetic of the denoiser's convolutions in the ascent: ``"float32"`` (whatever the
        network computes in), or ``"bfloat16"``. What is found is scored in the network's own.
    step_rule
        ``"fixed"`` length, or ``"adaptive"``: momentum, and lengths halved where a scan's error
        stops growing, going on from its best iterate (Auto-PGD; see `smuglib.attacks.ascent`);
        or ``"cosine"``: momentum, and lengths that shrink to nothing by the last step.
    floor
        For ``"range"``: δ has no component along eigenvectors of ``A^H A`` of eigenvalue below
        this, in (0, 1]. A measurement error that causes it has at most ``1 / √floor`` times its
        ℓ2 norm.
    warm_start
        Start the first run from the perturbation that the rung ``"transfer"`` finds in the same
        ball: the result is at least as strong, up to the noise of the judgement.

    Examples
    --------
    >>> Attack(n_steps=20, norm="l2").through, LADDER["transfer"].through
    ('smoothing', 'around')
    """

    kind: Literal["gaussian", "uniform", "pgd"] = "pgd"
    domain: Literal["image", "range", "kspace"] = "image"
    norm: Norm = "linf"
    n_steps: int = 10
    step_fraction: float = 1 / 3
    random_start: bool = True
    n_restarts: int = 1
    keep: Literal["last", "best"] = "last"
    gradient: Literal["exact", "cut"] = "exact"
    through: Literal["smoothing", "around"] = "smoothing"
    n_samples: int | None = None
    precision: Precision = "float32"
    step_rule: Literal["fixed", "adaptive", "cosine"] = "fixed"
    floor: float = 0.1
    warm_start: bool = False

    def __post_init__(self) -> None:
        for name, allowed in get_type_hints(Attack).items():
            if get_origin(allowed) is Literal:
                checks.one_of(name, getattr(self, name), get_args(allowed))
        checks.replace_fields(
            self,
            n_steps=checks.integer("n_steps", self.n_steps),
            step_fraction=checks.positive("step_fraction", self.step_fraction),
            random_start=checks.boolean("random_start", self.random_start),
            n_restarts=checks.integer("n_restarts", self.n_restarts),
            n_samples=checks.optional(checks.integer, "n_samples", self.n_samples),
            floor=checks.fraction("floor", self.floor),
            warm_start=checks.boolean("warm_start", self.warm_start),
        )
        if self.step_rule == "adaptive" and self.keep == "last":
            raise ValueError("keep must be 'best' with step_rule 'adaptive', got 'last'")


LADDER: dict[str, Attack] = {
    "random_gaussian": Attack("gaussian"),
    "random_uniform": Attack("uniform"),
    "transfer_published": Attack(gradient="cut", through="around"),
    "transfer": Attack(through="around"),
    "adaptive": Attack(),
    "adaptive_strong": Attack(
        n_steps=20,
        step_rule="adaptive",
        step_fraction=2.0,
        n_restarts=2,
        keep="best",
        warm_start=True,
    ),
    "independent": Attack(n_steps=40, step_rule="cosine", step_fraction=1.0),
    "kspace": Attack(domain="kspace", norm="l2"),
}
"""The rungs of attack, weakest first.

Whether `adaptive_strong` has reached a plateau the book's sweep ``plateau`` measures, and what
`independent`, which nothing was tuned by, finds beyond it.
"""
