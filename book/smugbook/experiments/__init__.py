"""What the paper asks, as computations."""
