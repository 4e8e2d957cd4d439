"""Text from outside in a page: a parameter, a file's name or its content is never markup."""

import html
import re


def in_html(text: object) -> str:
    """Write any text so that HTML shows it as it is."""
    return html.escape(str(text))


def in_markdown(text: object) -> str:
    """Write any text, as one line, so that Markdown, MyST and the HTML in them show it as it is."""
    line = " ".join(str(text).split())
    # Entities mean nothing to Markdown, which shows them as their characters in every renderer.
    # An underscore within a word means nothing to it either, and stays.
    signs = r"[<>&\"'`*\[\]{}$\\|#~:!@]|(?<![^\W_])_|_(?![^\W_])"
    return re.sub(signs, lambda found: f"&#{ord(found[0])};", line)


def in_code(text: object) -> str:
    """Write any text, as one line, so that a cell of a table in Markdown shows it as code."""
    line = " ".join(str(text).split())
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    inside = f" {line} " if "`" in (line[:1], line[-1:]) else line
    return f"{fence}{inside}{fence}".replace("|", "\\|") if line else ""
