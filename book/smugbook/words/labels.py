"""What methods, placements and scenarios are called in figures, tables and sentences."""

from collections.abc import Mapping

METHOD_LABELS = {
    "zero_filled": "Zero-filled",
    "tv": "TV",
    "tv_tuned": "TV, tuned",
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
"""Names of the scenarios of `smuglib.evaluation.table_scenarios`."""

RUNG_LABELS = {
    "clean": "clean",
    "noise": "random noise, σ = ε",
    "strength_random": "random point of the ball",
    "transfer_published": "published attack",
    "transfer": "transfer attack",
    "adaptive_image": "adaptive attack",
    "strong_image": "strong adaptive attack",
    "range_image": "adaptive, within reach of a measurement",
    "strong_range": "strong attack within reach",
    "kspace_random": "random, on the samples",
    "adaptive_kspace_l2": "adaptive, on the samples (ℓ2)",
    "strong_kspace": "strong k-space attack",
    "adaptive_kspace_linf": "adaptive, on the samples (ℓ∞)",
}
"""Rungs of the ladder at one strength, from the weakest, by scenario."""

SWEEP_LABELS = {
    "strength_random": "random point of the ball",
    "strength_transfer": "transfer attack",
    "strength_adaptive": "adaptive attack",
    "kspace_random": "random, on the samples",
    "kspace_adaptive": "adaptive k-space attack (ℓ2)",
    "rate_clean": "clean",
    "rate_adaptive": "adaptive attack",
    "mask_clean": "clean, old mask in data consistency",
    "steps_clean": "clean",
    "steps_adaptive": "adaptive attack",
    "samples_clean": "clean",
    "samples_adaptive": "adaptive attack",
    "strong_image": "strong adaptive attack",
    "plateau_image": "strong adaptive attack, longer",
    "range_image": "adaptive, within reach of a measurement",
    "strong_range": "strong attack within reach",
    "strong_kspace": "strong k-space attack",
    "level_image": "attack of one strength",
    "level_range": "the same within reach",
    "level_kspace": "the same on the samples",
    "eot_image": "strong attack, more noise samples",
    "plateau_range": "strong attack within reach, longer",
    "plateau_kspace": "strong k-space attack, longer",
    "independent_image": "independent attack",
    "independent_range": "independent attack within reach",
    "independent_kspace": "independent k-space attack",
}
"""Names of the scenarios of `smugbook.experiments.sweeps` and `smugbook.experiments.protocol`."""

ATTACK_LABELS = {**RUNG_LABELS, **SWEEP_LABELS, **SCENARIO_LABELS}
"""Names of all scenarios that a method is evaluated in."""

SHORT_RUNG_LABELS = {
    "random_uniform": "random point of the ball",
    "random_gaussian": "random",
    "transfer": "transfer",
    "adaptive": "adaptive",
    "adaptive_strong": "strong adaptive",
    "independent": "independent",
    "kspace": "adaptive",
}
"""Names of the rungs of `smuglib.attacks.ladder`, in tables that name the domain beside them."""

HARM_LABELS = {
    "clean": "clean",
    "image": "image attack",
    "kspace": "k-space attack",
    "erase_image": "erasing image attack",
    "erase_kspace": "erasing k-space attack",
    "create_image": "creating image attack",
    "create_kspace": "creating k-space attack",
}
"""Names of the scenarios of `smugbook.experiments.harm`."""

INPUT_LABELS = {"image": "of z", "kspace": "of y"}
"""Names of the inputs that `smugbook.experiments.stability` changes."""

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
"""Names of the quantities of `smugbook.experiments.harm` and `smugbook.experiments.stability`."""

COLUMN_LABELS = {
    "training_sigma": "σ",
    "sigma": "σ",
    "epsilon": "ε",
    "sampling_rate": "sampling rate",
    "consistency_rate": "rate in data consistency",
    "n_steps": "unrolling steps",
    "n_samples": "noise samples",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "nmse": "NMSE",
    "psnr_recorded": "PSNR (dB), recorded",
    "psnr_recomputed": "recomputed",
    "ssim_recorded": "SSIM, recorded",
    "ssim_recomputed": "recomputed",
    "n_slices": "slices",
    "n_subjects": "subjects",
}
"""Headings of columns; others stand with their underscores as spaces."""

VALUE_LABELS: Mapping[str, Mapping[str, str]] = {
    "method": METHOD_LABELS,
    "scenario": {**HARM_LABELS, **ATTACK_LABELS},
    "weaker": SHORT_RUNG_LABELS,
    "stronger": SHORT_RUNG_LABELS,
    "domain": {"kspace": "k-space"},
    "quantity": QUANTITY_LABELS,
}
"""Words for the values of a column."""
