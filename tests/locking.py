"""Writes ``requirements.lock`` with the hashes of every file of the pinned releases.

``python tests/locking.py requirements.lock [wheel ...]`` reads the lock's pins and asks pip's
index for the files of each release, those of all platforms, so that one lock fits them all. Wheels
named after it, such as builds of torch for the CPU, which that index does not have, are hashed too.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import Request, urlopen

DEFAULT_INDEX = "https://pypi.org/simple"
ACCEPT = {"Accept": "application/vnd.pypi.simple.v1+json"}


def index() -> str:
    """Return the index that pip is configured to ask."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return asked.stdout.strip().rstrip("/") or DEFAULT_INDEX


def normalised(name: str) -> str:
    """Write a package's name as an index does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def release_of(file_name: str) -> tuple[str, str]:
    """Return package and version of a wheel or source archive, local versions left out."""
    if file_name.endswith(".whl"):
        name, version = file_name.split("-")[:2]
    else:
        name, version = re.sub(r"\.(tar\.gz|zip|tar\.bz2)$", "", file_name).rsplit("-", 1)
    return normalised(name), version.split("+")[0]


def hashes(pin: str, address: str, wheels: list[Path]) -> list[str]:
    """List the hashes of the files of a pinned release, sorted."""
    name, version = pin.split("==")
    request = Request(f"{address}/{normalised(name)}/", headers=ACCEPT)
    with urlopen(request, timeout=60) as answer:
        listed = json.load(answer)["files"]
    archives = [one for one in listed if one["filename"].endswith((".whl", ".gz", ".zip", ".bz2"))]
    release = (normalised(name), version)
    found = {one["hashes"]["sha256"] for one in archives if release_of(one["filename"]) == release}
    own = [wheel for wheel in wheels if release_of(wheel.name) == release]
    return sorted(found | {hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in own})


def main(lock: Path, wheels: list[Path]) -> None:
    """Write the lock again, with the hashes that are to be had now."""
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if line]
    comments = [line for line in lines if line.startswith("#")]
    pins = [line.split()[0] for line in lines if "==" in line and not line.startswith("#")]
    address = index()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda pin: hashes(pin, address, wheels), pins))
    without = [pin for pin, one in zip(pins, found, strict=True) if not one]
    if without:
        sys.exit(f"the index has no files of {', '.join(without)}")
    entries = [
        " \\\n    ".join([pin, *(f"--hash=sha256:{one}" for one in each)])
        for pin, each in zip(pins, found, strict=True)
    ]
    lock.write_text("\n".join([*comments, *entries, ""]), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(wheel) for wheel in sys.argv[2:]])
