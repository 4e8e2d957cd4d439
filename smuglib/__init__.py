"""smuglib: robust MRI reconstruction by smoothed unrolling (SMUG), reproducible end to end."""
