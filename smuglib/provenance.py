"""Provenance: what code, versions and device made a file."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = ("smuglib", "torch", "numpy", "scipy", "nilearn", "scikit-image")


def commit() -> str:
    """Return this checkout's commit, ``+dirty`` if tracked files changed, or else ``"unknown"``."""
    root = Path(__file__).parents[1]
    try:
        head = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+dirty" if changed else "")


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def device_name(device: torch.device) -> str:
    """Describe a device in words: the GPU's name, or the kind of processor and its threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def describe(device: torch.device, n_devices: int = 1) -> dict[str, object]:
    """Return commit, versions, device and time of a computation on equal devices, for JSON."""
    name = device_name(device)
    return {
        "commit": commit(),
        "versions": versions(),
        "device": name if n_devices == 1 else f"{n_devices} x {name}",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
