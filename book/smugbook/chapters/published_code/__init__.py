"""What the published code computed."""
