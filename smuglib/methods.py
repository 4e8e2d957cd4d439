"""The poster's methods; apart from the networks, because the command line must not load torch."""

METHODS = {"modl": "none", "rs_e2e": "end_to_end", "smug_v0": "step", "smug": "denoiser"}
"""The poster's methods and their placement of the expectation."""
