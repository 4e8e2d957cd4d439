"""The accuracy-robustness plane."""
