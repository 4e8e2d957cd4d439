"""How a number, a name and an interval are written."""
