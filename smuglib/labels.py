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
