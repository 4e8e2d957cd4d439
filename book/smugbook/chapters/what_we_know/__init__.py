"""What we know now."""
