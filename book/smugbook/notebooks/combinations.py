"""Every combination of several values of a chapter's parameters, checked and named."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from smugbook.notebooks import run
from smuglib.files import numeral

MAX_NAME = 200
"""Longest name of a combination, in characters (file systems allow 255 bytes with a suffix)."""


def alternatives(path: Path | str, pairs: Iterable[Sequence[str]]) -> dict[str, list[Any]]:
    """Read the values of each parameter from a command line."""
    known = run.parameters(path)
    found: dict[str, list[Any]] = {}
    for name, text in pairs:
        parameter = run.find_parameter(known, name, path)
        whole = parameter.kind == "list" or not text
        words = [text] if whole else [word.strip() for word in text.split(",") if word.strip()]
        for word in words:
            value = parameter.parsed(word)
            if value in found.setdefault(name, []):
                raise ValueError(f"{name} is given the value {value!r} twice")
            found[name].append(value)
    return found


def product(path: Path | str, values: dict[str, list[Any]]) -> dict[str, dict[str, Any]]:
    """Name and check every combination."""
    if not values:
        raise ValueError("a sweep needs at least one parameter: -p NAME VALUE,VALUE")
    found: dict[str, dict[str, Any]] = {}
    for chosen in itertools.product(*values.values()):
        combination = dict(zip(values, chosen, strict=True))
        run.check_values(path, combination)
        name = combination_name(combination)
        if len(name) > MAX_NAME:
            raise ValueError(f"the combination {name} is too long for the name of a file")
        # Some file systems do not tell capitals from small letters.
        if name.casefold() in map(str.casefold, found):
            raise ValueError(f"two combinations would both be named {name}: sweep them separately")
        found[name] = combination
    return found


def combination_name(combination: dict[str, Any]) -> str:
    """Return the name of a combination, fit for a file."""
    return ",".join(f"{name}={_quoted(value)}" for name, value in combination.items())


def _quoted(value: object) -> str:
    """Return a value's text in a name, where a plus between elements is none within one."""
    if isinstance(value, list):
        return "+".join(quote(format_value(element), safe="=") or "%22%22" for element in value)
    return quote(format_value(value), safe="+=")


def format_value(value: object) -> str:
    """Return the shortest text of a value that is still that value."""
    if isinstance(value, (list, tuple)):
        return "+".join(map(format_value, value))
    if isinstance(value, float):
        return numeral(value)
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def option(value: object) -> str:
    """Return the text from which the command line reads a value again."""
    return f"[{', '.join(map(repr, value))}]" if isinstance(value, list) else format_value(value)
