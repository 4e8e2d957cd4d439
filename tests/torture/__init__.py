"""What the code must survive: damage and bad arguments, each with a table of outcomes."""
