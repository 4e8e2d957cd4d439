"""Signatures and values of the reference as the code writes them: an extension of Sphinx.

Sphinx prints what it finds after import: 0.00392156862745098 for a default of 1/255, ``<factory>``
for one that is made anew, and a table of 30 lines, sorted by its keys, beside the constant that
holds it. This extension prints the default as its line of code has it, and a value only if it is
short and the same everywhere.
"""

import ast
import dataclasses
import inspect
import re
from collections.abc import MutableMapping
from textwrap import dedent
from typing import Any, get_type_hints

LONGEST_VALUE = 60
"""Characters of the longest value that is printed."""


def setup(app: Any) -> dict[str, bool]:  # noqa: ANN401
    """Connect the extension; Sphinx calls this for each name in its list of extensions."""
    app.connect("autodoc-process-signature", _process)
    return {"parallel_read_safe": True}


def is_short_value(value: object) -> bool:
    """Say whether the value of a constant tells more than it takes room."""
    if isinstance(value, tuple | list):
        return bool(value) and all(map(is_short_value, value)) and len(repr(value)) <= LONGEST_VALUE
    if isinstance(value, float):
        return len(repr(value)) <= 8
    return isinstance(value, int | str) and len(repr(value)) <= LONGEST_VALUE


def written_defaults(kind: type) -> dict[str, str]:
    """Read the defaults of a dataclass in its code."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if "__dataclass_fields__" not in vars(base):
            continue
        (tree,) = ast.parse(dedent(inspect.getsource(base))).body
        assert isinstance(tree, ast.ClassDef)
        for node in tree.body:
            if isinstance(node, ast.AnnAssign) and node.value is not None:
                found[ast.unparse(node.target)] = _default(node.value)
    return {name: code for name, code in found.items() if "*" not in code}


def _default(code: ast.expr) -> str:
    """Return the default of a field, also where `dataclasses.field` states it."""
    if isinstance(code, ast.Call) and ast.unparse(code.func).endswith("field"):
        given = {word.arg: ast.unparse(word.value) for word in code.keywords}
        if "default_factory" in given:
            made = given["default_factory"]
            return made.removeprefix("lambda: ") if made.startswith("lambda: ") else f"{made}()"
        return given.get("default", "")
    return ast.unparse(code)


class _Written:
    """A default that prints as its code."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __repr__(self) -> str:
        return self.code


def signature(kind: type) -> str:
    """Write the signature of a dataclass with its defaults as they stand in the code."""
    from sphinx.util.inspect import stringify_signature

    defaults, hints = written_defaults(kind), get_type_hints(kind)
    found = inspect.signature(kind)
    parameters = [
        one.replace(
            annotation=hints.get(name, one.annotation),
            default=_Written(defaults[name]) if defaults.get(name) else one.default,
        )
        for name, one in found.parameters.items()
    ]
    plain = found.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    return stringify_signature(plain, unqualified_typehints=True)


def short_arrays(text: str | None) -> str | None:
    """Write the type of an array as one does, without the types of its shape."""
    if text is None:
        return None
    shape = r"(?:~?(?:typing\.)?Any|tuple\[~?(?:typing\.)?Any, \.\.\.\])"
    dtype = r"(?:~?(?:numpy\.)?dtype\[([^][]*)\]|(~?(?:typing\.)?Any))"
    array = rf"(~?)(?:numpy\.)?ndarray\[{shape}, {dtype}\]"
    return re.sub(
        array, lambda found: f"{found[1]}numpy.typing.NDArray[{found[2] or found[3]}]", text
    )


def _process(
    app: object,
    what: str,
    name: str,
    obj: object,
    options: MutableMapping[str, object],
    written: str | None,
    returned: str | None,
) -> tuple[str | None, str | None] | None:
    """Choose the signature of one object, and whether its value is printed."""
    # One set of options serves all members of a module.
    options.pop("no-value", None)
    if what in ("data", "attribute") and not is_short_value(obj):
        options["no-value"] = True
    if what == "class" and isinstance(obj, type) and dataclasses.is_dataclass(obj):
        written = signature(obj)
    return short_arrays(written), short_arrays(returned)
