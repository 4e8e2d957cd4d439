"""Parameters of a notebook: their names, types and defaults, read from the tagged cell.

Each line of that cell is ``name = literal`` or ``name: type = literal``, with a trailing comment
that says unit and range, and holds no ``=``: papermill's own parser gives up on a line with two.
The cell is parsed, never executed.
"""

import ast
import io
import re
import tokenize
from dataclasses import dataclass, replace
from typing import Any

from smuglib import checks

KINDS = {"bool": bool, "int": int, "float": float, "str": str, "list": list}

_LIMIT = re.compile(r"(?<!\S)(>=?|≥) (-?\d+(?:\.\d+)?)")

_CHOICE = re.compile(r"(?:^|: )((?:\w+, )*\w+ or \w+)$")

_INTERVAL = re.compile(r"\bin ([(\[])(-?\d[\d.]*), (-?\d[\d.]*)([)\]])")


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell, with its comment on unit and range.

    ``element`` is the kind of a list's elements, and ``written`` the default's text in the cell,
    such as ``1 / 255``.
    """

    name: str
    default: Any
    kind: str
    element: str
    optional: bool
    comment: str
    written: str

    @property
    def type_name(self) -> str:
        """The type in words, such as ``float``, ``list[str]`` or ``int or None``."""
        kind = f"{self.kind}[{self.element}]" if self.element else self.kind
        return f"{kind} or None" if self.optional else kind

    def typed(self, value: object) -> Any:  # noqa: ANN401
        """Return a value in this type; an int is taken where a float is expected."""
        if value is None and self.optional:
            return None
        if self.kind == "list" and isinstance(value, (list, tuple)):
            return [self._of_kind(self.element, element) for element in value]
        return self._of_kind(self.kind, value)

    def _of_kind(self, kind: str, value: object) -> object:
        if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        is_bool_for_int = kind == "int" and isinstance(value, bool)
        # Infinities and NaN are the numbers whose difference to themselves is not zero.
        is_infinite = isinstance(value, float) and value - value != 0
        if is_infinite or is_bool_for_int or (kind and not isinstance(value, KINDS[kind])):
            finite = " (finite)" if "float" in (kind, self.element) else ""
            raise ValueError(f"{self.name} must be {self.type_name}{finite}, got {value!r}")
        return value

    def checked(self, value: Any) -> Any:  # noqa: ANN401
        """Return a value, or each element of a list, if it lies in the range of the comment.

        Ranges that are read: ``> 0``, ``≥ 1``, ``in (0, 1]`` and the like; and of a text, ``a, b
        or c`` at the end. What a comment says in other words is not checked here.
        """
        if isinstance(value, str) and (named := _CHOICE.search(self.comment)):
            # Which "cuda:1" and "smoke@volumes:FOLDER" are one of, too.
            word = re.split("[:@]", value, maxsplit=1)[0]
            checks.one_of(self.name, word, re.split(", | or ", named[1]))
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, (int, float)) and not isinstance(number, bool):
                self._within(number)
        return value

    def _within(self, number: float) -> None:
        if limit := _LIMIT.search(self.comment):
            bound = float(limit[2])
            if number < bound or (number == bound and limit[1] == ">"):
                raise ValueError(f"{self.name} must be {limit[0]}, got {number!r}")
        if interval := _INTERVAL.search(self.comment):
            low, high = float(interval[2]), float(interval[3])
            above = number > low or (number == low and interval[1] == "[")
            below = number < high or (number == high and interval[4] == "]")
            if not (above and below):
                raise ValueError(f"{self.name} must lie {interval[0]}, got {number!r}")

    def parsed(self, text: str) -> Any:  # noqa: ANN401
        """Return the value that a command line's text stands for, in this type."""
        if self.optional and text.lower() == "none":
            return None
        if self.kind == "list" and not text.lstrip().startswith("["):
            words = [word.strip() for word in text.split(",") if word.strip()]
            return self.typed([_value(self.element, word) for word in words])
        return self.typed(_value(self.kind, text))


def read_cell(text: str) -> dict[str, Parameter]:
    """Read the parameters of a cell."""
    try:
        statements = ast.parse(text).body
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno} is not Python: {error.msg}") from None
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
    found = [_parameter(statement, comments) for statement in statements]
    if not found:
        raise ValueError("there must be at least one line 'name = literal'")
    return {parameter.name: parameter for parameter in found}


def literal(node: ast.expr) -> Any:  # noqa: ANN401
    """Evaluate a literal: a constant, a list of literals, a product or quotient of numbers."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [literal(element) for element in elements]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _number(left) * _number(right)
        case ast.BinOp(left=left, op=ast.Div(), right=right) if _number(right) != 0:
            return _number(left) / _number(right)
    raise ValueError(
        f"{ast.unparse(node)} is not a literal such as 8, 1e-3, 1/255, True, 'smug' or [1, 2]"
    )


def _number(node: ast.expr) -> float:
    value = literal(node)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{ast.unparse(node)} is not a number")
    return value


def _value(kind: str, text: str) -> object:
    """Evaluate a word of the command line; text that is no literal stays text."""
    if kind == "str":
        return text
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return literal(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError):
        return text


def _parameter(statement: ast.stmt, comments: dict[int, str]) -> Parameter:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            declared, default = "", literal(value)
        case ast.AnnAssign(
            target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value
        ):
            declared, default = ast.unparse(annotation).replace(" ", ""), literal(value)
        case _:
            raise ValueError(f"line {statement.lineno} must read 'name = literal'")
    types = declared.split("|") if declared else [type(default).__name__]
    optional = "None" in types
    kind, _, element = "|".join(t for t in types if t != "None").removesuffix("]").partition("[")
    if kind == "list" and not element and default:
        element = type(default[0]).__name__
    if kind not in KINDS or (element and element not in KINDS):
        raise ValueError(
            f"{name} must be of type {', '.join(KINDS)} or list[...], with '| None' where it may "
            f"be left out; got {declared or kind}"
        )
    comment = comments.get(statement.end_lineno or statement.lineno, "")
    written = ast.unparse(value)
    parameter = Parameter(name, default, kind, element, optional, comment, written)
    return replace(parameter, default=parameter.typed(default))
