"""Tables in the words and signs of a page, as HTML that reads well aloud too."""

import re
from collections.abc import Hashable, Mapping, Sequence
from itertools import groupby
from numbers import Integral, Real

import numpy as np
import pandas as pd

from smugbook.words import markup
from smugbook.words.labels import COLUMN_LABELS, VALUE_LABELS
from smugbook.words.numbers import NO_BREAK, number, strength

_INTERVAL = r"\[[^][]*\]"


def render_table(frame: pd.DataFrame, digits: int | Mapping[str, int] = 2) -> str:
    """Write any table in words (see `format_table`), as HTML.

    A cell such as ``"33.71 (+0.08 [+0.01, +0.16])"`` has what is in brackets on a line of its own;
    no interval is broken. What stands between two pairs of asterisks is bold.
    """
    return write_html(_with_heads(format_table(frame, digits).map(_marked)))


def render_narrow(frame: pd.DataFrame) -> str:
    """Write a table of text as HTML for a narrow page: intervals stand under their means.

    Of two levels of the index the first one gives titles across the table.
    """
    cells = _with_heads(frame.map(_stacked))
    titled = cells.index.nlevels > 1
    if titled:
        cells = cells.rename(index=lambda title: title and f"<em>{title}</em>", level=0)
    else:
        cells = cells.rename_axis(index=None)
    return write_html(cells.rename_axis(columns=None), titled=titled)


def write_html(
    cells: pd.DataFrame, attributes: str = 'border="1" class="dataframe"', *, titled: bool = False
) -> str:
    """Write a table whose cells, heads and names are HTML already.

    Equal heads beside one another share a cell in all levels but the last. If ``titled``, the first
    level of a two-level index gives titles across the table, each of a ``tbody`` of its own.
    """
    names = [None] if titled else list(cells.index.names)
    lines = [f"<table {attributes}>", "<thead>", *_head_lines(cells.columns, names), "</thead>"]
    if not titled:
        return "\n".join([*lines, "<tbody>", *_row_lines(cells), "</tbody>", "</table>"])
    for title, rows in cells.groupby(level=0, sort=False):
        head = f'<tr><th colspan="{len(cells.columns) + 1}" scope="rowgroup">{title}</th></tr>'
        lines += ["<tbody>", *([head] if title else []), *_row_lines(rows.droplevel(0)), "</tbody>"]
    return "\n".join([*lines, "</table>"])


def _head_lines(columns: pd.Index, names: Sequence[Hashable]) -> list[str]:
    """Return the heads of the columns, one line per level, and below them the index's names."""
    lines = []
    for name, spans in zip(columns.names, _spans(columns), strict=True):
        corner = ["<td></td>"] * (len(names) - 1) + [_corner(name)]
        heads = [_spanning("col", head, span) for head, span in spans if span]
        lines.append(f"<tr>{''.join([*corner, *heads])}</tr>")
    if any(names):
        corners = "".join(map(_corner, names))
        lines.append(f"<tr>{corners}{'<td></td>' * len(columns)}</tr>")
    return lines


def _row_lines(cells: pd.DataFrame) -> list[str]:
    levels = [
        [_spanning("row", head, span) if span else "" for head, span in spans]
        for spans in _spans(cells.index)
    ]
    heads = map("".join, zip(*levels, strict=True))
    rows = cells.itertuples(index=False, name=None)
    return [
        f"<tr>{head}{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
        for head, row in zip(heads, rows, strict=True)
    ]


def _spans(index: pd.Index) -> list[list[tuple[object, int]]]:
    """Return, level by level, every head with the number of places that it spans.

    That is 0 at all places of a span but the first; spans end where an outer one does.
    """
    keys = [key if isinstance(key, tuple) else (key,) for key in index]
    levels = [[(key[-1], 1) for key in keys]]
    for depth in range(index.nlevels - 1, 0, -1):
        spans: list[tuple[object, int]] = []
        for outer, run in groupby(key[:depth] for key in keys):
            length = len(list(run))
            spans += [(outer[-1], length), *[(outer[-1], 0)] * (length - 1)]
        levels.insert(0, spans)
    return levels


def _spanning(direction: str, head: object, span: int) -> str:
    if span == 1:
        return f'<th scope="{direction}">{head}</th>'
    return f'<th {direction}span="{span}" scope="{direction}group">{head}</th>'


def _corner(name: object) -> str:
    return "<td></td>" if name is None else f'<th scope="col">{name}</th>'


def _with_heads(cells: pd.DataFrame) -> pd.DataFrame:
    """Write the heads of a table, and what they are called, as HTML."""

    def called(name: object) -> str | None:
        return None if name is None else markup.in_html(name)

    written = cells.rename(index=markup.in_html, columns=markup.in_html)
    return written.rename_axis(index=called, columns=called)


def _marked(text: str) -> str:
    kept = _unbroken(markup.in_html(text))
    kept = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", kept)
    kept = re.sub(rf"^(\S+) \((\S+ {_INTERVAL})\)$", r"\1<br><small>\2</small>", kept)
    return re.sub(rf"^(\S+) ({_INTERVAL})$", r"\1 <small>\2</small>", kept)


def _stacked(text: object) -> str:
    """Put the interval of a cell under its mean, in one piece."""
    return re.sub(rf" ({_INTERVAL})", r"<br><small>\1</small>", _unbroken(markup.in_html(text)))


def _unbroken(text: str) -> str:
    return re.sub(_INTERVAL, lambda found: found[0].replace(" ", NO_BREAK), text)


def format_table(frame: pd.DataFrame, digits: int | Mapping[str, int] = 2) -> pd.DataFrame:
    """Write a table in words: text alone, for nothing to be computed from.

    A table that is numbered from 0 on gets its first column as the head of its rows.
    """
    numbered = isinstance(frame.index, pd.RangeIndex) and frame.index.name is None
    rows = frame.set_index(frame.columns[0]) if numbered and len(frame.columns) > 1 else frame
    decimals = digits if isinstance(digits, Mapping) else dict.fromkeys(rows.columns, digits)
    domains = rows["domain"].tolist() if "domain" in rows else ["image"] * len(rows)
    texts = {
        position: [
            _value(value, name, decimals.get(name, 2), domain)
            for value, domain in zip(rows.iloc[:, position], domains, strict=True)
        ]
        for position, name in enumerate(rows.columns)
    }
    shown = pd.DataFrame(texts, index=_heads(rows.index))
    shown.columns = _heads(rows.columns)
    if not isinstance(shown.index, pd.MultiIndex) and shown.columns.nlevels == 1:
        shown.columns.name, shown.index.name = shown.index.name or shown.columns.name, None
    return shown


def _value(value: object, name: object, digits: int, domain: str = "image") -> str:
    if value is None:
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if name == "epsilon" and isinstance(value, Real):
        return strength(float(value), domain)
    if isinstance(value, Integral):
        return str(value).replace("-", "−")
    if isinstance(value, Real):
        sigma = name in ("sigma", "training_sigma")
        return f"{float(value):g}" if sigma else number(float(value), digits)
    return VALUE_LABELS.get(str(name), {}).get(str(value), str(value))


def _heads(index: pd.Index) -> pd.Index:
    """Return an index with its names and values in words."""
    if isinstance(index, pd.MultiIndex):
        return pd.MultiIndex.from_arrays(
            [_heads(index.get_level_values(level)) for level in range(index.nlevels)],
            names=[None if name is None else _heading(name) for name in index.names],
        )
    values = [_head(value, index.name) for value in index]
    return pd.Index(values, name=None if index.name is None else _heading(index.name))


def _head(value: object, name: object) -> str:
    """Return the head of one row or column; numbers keep the digits that they have."""
    if name is None or (isinstance(value, Real) and name != "epsilon"):
        return _heading(value)
    return _value(value, name, 0)


def _heading(name: object) -> str:
    if isinstance(name, Real):
        return f"{name:g}".replace("-", "−")
    return COLUMN_LABELS.get(str(name), str(name).replace("_", " "))
