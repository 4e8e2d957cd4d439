"""The numbers that the poster prints."""

POSTER_SIGMA = 0.01
"""The poster's noise of pre-training and smoothing."""

POSTER_CITATION = f"The poster's Table 1 (fastMRI, 320 × 320, σ = {POSTER_SIGMA:g})"

POSTER: dict[str, dict[str, dict[str, tuple[float, float]]]] = {
    "modl": {
        "clean": {"psnr": (29.73, 3.27), "ssim": (0.900, 0.07)},
        "noise": {"psnr": (28.70, 2.77), "ssim": (0.874, 0.07)},
        "transfer_published": {"psnr": (22.91, 2.42), "ssim": (0.729, 0.07)},
    },
    "rs_e2e": {
        "clean": {"psnr": (0.09, 3.24), "ssim": (0.002, 0.07)},
        "noise": {"psnr": (0.38, 2.90), "ssim": (0.010, 0.07)},
        "transfer_published": {"psnr": (0.78, 2.70), "ssim": (0.034, 0.08)},
    },
    "smug_v0": {
        "clean": {"psnr": (-1.01, 3.07), "ssim": (-0.014, 0.08)},
        "noise": {"psnr": (-0.09, 2.99), "ssim": (0.008, 0.08)},
        "transfer_published": {"psnr": (3.08, 2.42), "ssim": (-0.014, 0.11)},
    },
    "smug": {
        "clean": {"psnr": (-0.34, 3.06), "ssim": (-0.006, 0.08)},
        "noise": {"psnr": (0.53, 2.98), "ssim": (0.016, 0.08)},
        "transfer_published": {"psnr": (3.87, 2.28), "ssim": (0.008, 0.11)},
    },
}
"""The poster's Table 1 as printed, MoDL's mean and ±, then each method's difference to MoDL and
its ±. Its robust accuracy is the published attack's, which `transfer_published` repeats."""
