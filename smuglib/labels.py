"""What methods, placements and scenarios are called in figures, tables and sentences."""

METHOD_LABELS = {
    "zero_filled": "Zero-filled",
    "tv": "TV",
    "modl": "MoDL",
    "rs_e2e": "RS-E2E",
    "smug_v0": "SMUGv0",
    "smug": "SMUG",
}
PLACEMENT_LABELS = {
    "none": "none (MoDL)",
    "end_to_end": "end to end (RS-E2E)",
    "step": "whole step (SMUGv0)",
    "denoiser": "denoiser (SMUG)",
}
SCENARIO_LABELS = {
    "clean": "clean",
    "noise": "random noise",
    "transfer_published": "published attack",
    "transfer": "transfer attack",
    "adaptive_image": "adaptive attack",
    "adaptive_kspace_l2": "adaptive k-space attack (ℓ2)",
    "adaptive_kspace_linf": "adaptive k-space attack (ℓ∞)",
}
"""Names of the scenarios of `smuglib.scenarios.table_scenarios`."""

RUNG_LABELS = {
    "clean": "clean",
    "noise": "random noise, σ = ε",
    "strength_random": "random point of the ball",
    "transfer_published": "published attack",
    "transfer": "transfer attack",
    "adaptive_image": "adaptive attack",
    "strong_image": "strong adaptive attack",
    "range_image": "adaptive, within reach of a measurement",
    "kspace_random": "random, on the samples",
    "adaptive_kspace_l2": "adaptive, on the samples (ℓ2)",
    "adaptive_kspace_linf": "adaptive, on the samples (ℓ∞)",
}
"""Rungs of the ladder at one strength, from the weakest, by scenario."""

HARM_LABELS = {
    "clean": "clean",
    "image": "image attack",
    "kspace": "k-space attack",
    "erase_image": "erasing image attack",
    "erase_kspace": "erasing k-space attack",
    "create_image": "creating image attack",
    "create_kspace": "creating k-space attack",
}
"""Names of the scenarios of `smuglib.lesion_study`."""

INPUT_LABELS = {"image": "of z", "kspace": "of y"}
"""Names of the inputs that `smuglib.stability_study` changes."""

QUANTITY_LABELS = {
    "psnr": "PSNR",
    "false": "false contrast",
    "apparent": "apparent contrast",
    "rank_spread": "rank correlation of the spread",
    "rank_steepness": "rank correlation of the steepness",
    "rank_attainable": "attainable rank correlation",
    "underestimation": "error / spread",
    "bin_spread": "spread in a bin",
    "bin_error": "error in a bin",
    "norm": "norm of the Jacobian",
    "norm_after": "norm after fewer steps",
    "identity": "norm with an identity denoiser",
    "ball_ratio": "largest ratio in the ball",
    "ball_radius": "radius of the ball",
    "change": "energy of the change",
    "response": "energy of the response",
    "alpha": "α",
    "operator_norm": "‖A‖",
    "output_norm": "largest ‖D‖",
    "bound_ratio": "r",
    "critical_sigma": "σ at which r = 1",
    "constant": "Cₙ",
    "relative_size": "‖z‖ / ‖y‖",
}
"""Names of the quantities of `smuglib.lesion_study` and `smuglib.stability_study`."""
