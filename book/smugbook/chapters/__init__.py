"""What the chapters say: one module or folder per chapter."""
