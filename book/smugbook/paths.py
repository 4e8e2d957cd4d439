"""Names and places of files in the project."""

import re
from pathlib import Path


def project_root(start: Path | None = None) -> Path:
    """Return the nearest folder above ``start`` that holds ``_toc.yml``, or ``start`` itself.

    Notebooks run from the project's root or from ``book/``: both must find one ``build`` folder.
    """
    start = Path.cwd() if start is None else start
    folders = (start, *start.parents)
    return next((folder for folder in folders if (folder / "_toc.yml").is_file()), start)


def plain_name(name: str, value: object) -> str:
    """Return the value of ``name`` if it names a file or folder that lies in no other folder."""
    if not isinstance(value, str) or re.fullmatch(r"\.{0,2}|.*[/\\\x00-\x1f].*", value, re.DOTALL):
        raise ValueError(f"{name} must be the name of a file or folder alone, got {value!r}")
    return value
