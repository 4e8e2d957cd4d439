"""Text from outside in a page: a parameter, a file's name or its content is never markup."""

from __future__ import annotations

import html
import re


def in_html(text: object) -> str:
    """Write any text so that HTML shows it as it is."""
    return html.escape(str(text))


def in_markdown(text: object) -> str:
    """Write any text, as one line, so that Markdown, MyST and the HTML in them show it as it is."""
    line = " ".join(str(text).split())
    # Entities mean nothing to Markdown, which shows them as their characters in every renderer.
    return re.sub(r"[<>&\"'`*_\[\]{}$\\|#~:!@]", lambda found: f"&#{ord(found[0])};", line)
