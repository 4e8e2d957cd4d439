"""Every module stands on one page of the reference, and every docstring is sound markup."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from inspect import cleandoc
from pathlib import Path

import docutils.core
import pytest
from sphinx.ext.napoleon import Config, NumpyDocstring

from smugbook.pages import assembly

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "smuglib"


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        if name != "smuglib":
            found[name] = path
    return found


def docstrings(path: Path) -> dict[str, str]:
    """Docstrings of a module and of what is public in it; one after a constant counts too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {"module": ast.get_docstring(tree) or ""}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            found[node.name] = ast.get_docstring(node) or ""
    for first, second in zip(tree.body, tree.body[1:], strict=False):
        match first, second:
            case (ast.Assign() | ast.AnnAssign(), ast.Expr(value=ast.Constant(value=str(text)))):
                found[ast.unparse(first).split("=")[0]] = cleandoc(text)
    return found


def complaints(text: str) -> str:
    """What docutils says of a docstring after napoleon has read its sections."""
    config = Config(napoleon_use_param=False, napoleon_use_rtype=False)
    restructured = str(NumpyDocstring(text, config))
    # References to objects and equations are Sphinx's own.
    plain = re.sub(r":(py:)?(class|func|meth|obj|mod|exc|attr|eq):`", "`", restructured)
    settings = {"report_level": 2, "warning_stream": False, "halt_level": 5}
    document = docutils.core.publish_doctree(plain, settings_overrides=settings)
    return "\n".join(
        message.astext() for message in document.findall(docutils.nodes.system_message)
    )


def typed(text: str, what: str) -> bool:
    """Whether napoleon takes what is before a colon for the type of a constant or property."""
    config = Config(napoleon_use_param=False, napoleon_use_rtype=False)
    return ":type:" in str(NumpyDocstring(text, config, what=what, name=what))


def attributes(path: Path) -> dict[str, str]:
    """Docstrings of constants, fields and properties."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, (ast.Module, ast.ClassDef)):
            continue
        for first, second in zip(node.body, [*node.body[1:], None], strict=True):
            match first, second:
                case (
                    ast.Assign() | ast.AnnAssign(),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found[ast.unparse(first).split("=")[0]] = cleandoc(text)
                case ast.FunctionDef(name=name, decorator_list=decorators), _:
                    if any("property" in ast.unparse(one) for one in decorators):
                        found[name] = ast.get_docstring(first) or ""
    return found


def test_every_module_stands_on_one_page():
    pages = [name for name in assembly.chapter_names(ROOT / "_toc.yml") if name.startswith("api_")]
    texts = [(ROOT / "book" / f"{name}.md").read_text(encoding="utf-8") for name in pages]
    listed = re.findall(r"^\.\. automodule:: (\S+)$", "\n".join(texts), re.MULTILINE)
    assert sorted(listed) == sorted(modules()), "list each module in one book/api_*.md"
    headings = re.findall(r"^###? (smuglib\S*)$", "\n".join(texts), re.MULTILINE)
    assert headings == listed


@pytest.mark.parametrize("name", sorted(modules()))
def test_docstrings_are_sound_markup(name):
    for owner, text in docstrings(modules()[name]).items():
        assert not complaints(text), f"{name}, {owner}: {complaints(text)}"


def test_unsound_markup_is_noticed():
    assert complaints("Return it.\n\nReturns\n-------\nint\n    The *number.\n")
    assert not complaints("Return it.\n\nReturns\n-------\nint\n    The *number*, `other`.\n")


@pytest.mark.parametrize("name", sorted(modules()))
def test_no_colon_turns_the_text_of_a_constant_round(name):
    for owner, text in attributes(modules()[name]).items():
        assert not typed(text, "attribute"), f"{name}, {owner}: a colon in the first line"


def test_a_colon_that_turns_a_text_round_is_noticed():
    assert typed("Two of them: one, and another.", "attribute")
    assert not typed("Names, by ``one:two``.", "attribute")


def test_the_first_example_of_reconstruction_runs(capsys):
    page = (ROOT / "book" / "api_models.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    exec(code, {})
    assert float(re.findall(r"\d+\.\d+", capsys.readouterr().out)[0]) > 25


def named(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def test_every_page_says_what_to_start_with():
    start = re.compile(r"\*\*\{py:obj\}`([\w.]+)(?: <([\w.]+)>)?`\*\*")
    for page in (ROOT / "book").glob("api_*.md"):
        starts = start.findall(page.read_text(encoding="utf-8"))
        assert len(starts) >= 3, page.name
        for name, target in starts:
            target = target or name
            assert named(name) is named(target), f"{page.name} names {name}"
            # The reference documents a name in the module that defines it, and links only there.
            assert target.rpartition(".")[0] in modules(), f"{page.name} has no target {target}"
            home = getattr(named(target), "__module__", None)
            assert home in (None, target.rpartition(".")[0]) or not hasattr(
                named(target), "__qualname__"
            ), f"{target} is documented in {home}"
