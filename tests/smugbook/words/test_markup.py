"""Text from outside is never markup."""

from __future__ import annotations

import html

import pytest

from smugbook.words import markup

ZOO = ("<script>x</script>", "![a](b)", "`c`", "{raw}`html`", "$$x$$", "a|b", "**b**", "https://x")


@pytest.mark.parametrize("text", ZOO)
def test_no_sign_of_markup_is_left_and_the_text_is_the_same(text):
    written = markup.in_markdown(text)
    assert html.unescape(written) == text
    assert not set("<>`*[]{}$|") & set(written)
    assert "<" not in markup.in_html(text)
