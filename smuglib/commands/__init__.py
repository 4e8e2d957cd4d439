"""What ``python -m smuglib`` does: reconstructing and attacking scans in files."""

from smuglib.commands.attack import attack_slice
from smuglib.commands.reconstruct import load_method, reconstruct_file, reconstruct_slice

__all__ = ["attack_slice", "load_method", "reconstruct_file", "reconstruct_slice"]
