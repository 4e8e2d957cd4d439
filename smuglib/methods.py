"""Names of methods, networks and settings; here because loading torch takes seconds."""

from typing import Literal

Placement = Literal["none", "end_to_end", "step", "denoiser"]
"""Where the expectation over noise stands (see `smuglib.smoothing.Smoothing`)."""

METHODS: dict[str, Placement] = {
    "modl": "none",
    "rs_e2e": "end_to_end",
    "smug_v0": "step",
    "smug": "denoiser",
}
"""The poster's methods and their placement of the expectation."""

REFERENCES = ("denoised", "denoised_detached", "target")
"""References of the unrolled stability loss, D(t) as the poster writes it, held constant, or t."""

SIGMAS = (0.05, 0.01)
"""Noise levels of the shipped weights, ours and the poster's."""
