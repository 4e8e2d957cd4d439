"""A sweep over a chapter's parameters as a table and a page with all executed notebooks."""

from pathlib import Path

import pandas as pd

from smugbook.notebooks import contents
from smugbook.notebooks.sweep import ERROR, Sweep
from smugbook.pages import standalone
from smugbook.words import markup
from smuglib.files import write_text


def write_sweep(root: Path, sweep: Sweep, table: pd.DataFrame) -> tuple[Path, Path]:
    """Write what `smugbook.notebooks.sweep.gather` found as CSV, Markdown and a page."""
    folder = sweep.folder
    csv = folder / "table.csv"
    write_text(csv, table.to_csv(lineterminator="\n"))
    done = table.index[table[ERROR].isna()] if ERROR in table else table.index
    links = {name: f"run-{number}" for number, name in enumerate(done)}
    pages = {page: sweep.notebook(name) for name, page in links.items()}
    titles = {page: name for name, page in links.items()}
    write_text(folder / "table.md", sweep_markdown(table))
    title = f"# {contents.title(sweep.path)}: {len(table)} combinations\n\n"
    command = (
        "`make sweep` executed the chapter at each of them. Its key numbers, one row each:\n\n"
    )
    front = title + command + sweep_markdown(table, links)
    return csv, standalone.build_pages(root, folder / "page", pages, front=front, titles=titles)


def sweep_markdown(table: pd.DataFrame, links: dict[str, str] | None = None) -> str:
    """Return a sweep's table in Markdown, four digits per number, with links to its pages."""
    heads = ["combination", *map(markup.in_markdown, table.columns)]
    lines = ["| " + " | ".join(heads) + " |"]
    lines.append("|---" * (table.shape[1] + 1) + "|")
    for name, row in table.iterrows():
        page = (links or {}).get(str(name))
        words = markup.in_markdown(name)
        first = f"[{words}]({page})" if page else words
        lines.append("| " + " | ".join([first, *map(_cell, row)]) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, str):
        return markup.in_code(value)
    return "–" if pd.isna(value) else f"{value:.4g}"  # type: ignore[call-overload]
