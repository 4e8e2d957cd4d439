"""Torture: what may go wrong is made to, at random but from a seed, and every outcome is noted."""
