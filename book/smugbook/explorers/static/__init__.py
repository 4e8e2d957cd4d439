"""The explorer of the built book."""
