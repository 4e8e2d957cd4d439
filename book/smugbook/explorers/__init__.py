"""Sliders, in the built book and in Jupyter."""
