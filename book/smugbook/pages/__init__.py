"""The pages of the built book."""
