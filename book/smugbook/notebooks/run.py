"""Notebooks run by papermill, with their parameters checked before a kernel starts.

papermill only warns about an unknown name and never checks a type. `run_notebook` refuses both, and
writes the executed notebook whole or not at all.
"""

import difflib
import hashlib
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smugbook.notebooks import ranges
from smugbook.notebooks.parameters import Parameter, read_cell
from smuglib.files import UnreadableFileError, read_json, replacing

IMAGES = "images"
"""Key of an output's metadata with the folders of its images, by where the page finds them."""


class NotebookError(RuntimeError):
    """A cell raised, or the kernel died."""


STARTS = 3
"""Attempts to start a kernel: of two that start at once and choose one port, one hangs or dies."""

STILLBORN = ("Kernel didn't respond", "Kernel died before replying")
"""How such a failure begins."""


def read_notebook(path: Path | str) -> dict[str, Any]:
    """Read a notebook's JSON."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"notebook {path} does not exist")
    try:
        content = read_json(path)
    except UnreadableFileError as error:
        raise UnreadableFileError(path, f"it is not a Jupyter notebook: {error.reason}") from error
    cells = content.get("cells")
    whole = (
        content.get("nbformat") == 4
        and isinstance(content.get("metadata"), dict)
        and isinstance(cells, list)
        and all(map(_is_cell, cells))
    )
    if not whole:
        raise UnreadableFileError(path, "it is not a Jupyter notebook of format 4")
    return content


def _is_cell(cell: object) -> bool:
    if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
        return False
    text, outputs = cell.get("source"), cell.get("outputs", [])
    lines = [text] if isinstance(text, str) else text
    return (
        isinstance(lines, list)
        and all(isinstance(line, str) for line in lines)
        and isinstance(cell.get("metadata"), dict)
        and isinstance(outputs, list)
        and all(isinstance(output, dict) for output in outputs)
    )


def source(cell: Mapping[str, Any]) -> str:
    """Return the text of a cell, which a notebook stores as a string or as lines."""
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


def code_hash(path: Path | str) -> str:
    """Hash the code cells of a notebook, not its prose, metadata or outputs."""
    code = [source(cell) for cell in read_notebook(path)["cells"] if cell["cell_type"] == "code"]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()


def parameters(path: Path | str) -> dict[str, Parameter]:
    """List the parameters of a notebook, from the one cell tagged ``parameters``."""
    cells = [
        cell
        for cell in read_notebook(path)["cells"]
        if cell["cell_type"] == "code" and "parameters" in cell["metadata"].get("tags", [])
    ]
    if len(cells) != 1:
        raise ValueError(f"{path} must have one code cell tagged 'parameters', got {len(cells)}")
    try:
        return read_cell(source(cells[0]))
    except ValueError as error:
        raise ValueError(f"parameters cell of {path}: {error}") from None


def check_values(path: Path | str, values: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Check values for a notebook's parameters: names, types, then ranges."""
    known = parameters(path)
    new = {
        name: find_parameter(known, name, path).typed(value)
        for name, value in (values or {}).items()
    }
    if new:
        given = {name: new.get(name, known[name].default) for name in known}
        of_test = "n_slices" in known and known["n_slices"].comment.startswith("test slices")
        ranges.check_ranges(given, of_test=of_test)
        for name, value in new.items():
            known[name].checked(value)
    return {name: value for name, value in new.items() if value != known[name].default}


def find_parameter(known: Mapping[str, Parameter], name: str, path: Path | str) -> Parameter:
    """Return the parameter of a name."""
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(
            f"unknown parameter {name!r} of {Path(path).name}: {hint}It has {', '.join(known)}"
        )
    return known[name]


def check_output(path: Path | str, output: Path | str) -> None:
    """Refuse to write over anything but an executed notebook."""
    path, output = Path(path), Path(output)
    if output.suffix != ".ipynb" or output.resolve() == path.resolve():
        raise ValueError(f"output must be another file ending in .ipynb, got {output}")
    if output.is_dir() or (
        output.exists() and "papermill" not in read_notebook(output)["metadata"]
    ):
        raise ValueError(f"{output} exists and is no executed notebook: choose another output")


def run_notebook(
    path: Path | str,
    output: Path | str,
    values: Mapping[str, object] | None = None,
    *,
    progress: bool = True,
    kernel: str = "python3",
    cwd: Path | str | None = None,
) -> Path:
    """Execute a notebook with checked parameters.

    The notebook runs in a temporary folder, and takes the place of ``output`` when its last cell
    has succeeded. A failed notebook stays in that folder, which the error names.
    """
    path, output = Path(path), Path(output)
    new = check_values(path, values)
    check_output(path, output)
    folder = Path(tempfile.mkdtemp(prefix="smuglib-"))
    executed = folder / output.name
    _execute(path, executed, new, progress=progress, kernel=kernel, cwd=cwd)
    with replacing(output) as temporary:
        shutil.copyfile(executed, temporary)
    shutil.rmtree(folder)
    return output


def _execute(
    path: Path,
    executed: Path,
    new: dict[str, Any],
    *,
    progress: bool,
    kernel: str,
    cwd: Path | str | None,
) -> None:
    # Deferred: a call with wrong parameters is refused before these load.
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import CellControlSignal, DeadKernelError
    from papermill import PapermillExecutionError, execute_notebook

    # Its only messages here doubt parameters that its own, narrower, parser cannot read.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    for _ in range(STARTS):
        try:
            execute_notebook(
                path,
                executed,
                parameters=new,
                kernel_name=kernel,
                progress_bar={"file": sys.stderr, "desc": path.stem} if progress else False,
                stderr_file=sys.stderr if progress else None,
                cwd=cwd,
                # The kernel would warn of its loopback sockets at every start, and trace its end.
                extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
            )
        except PapermillExecutionError as error:
            reason = f"cell {error.exec_count} raised {error.ename}: {error.evalue}"
        except (CellControlSignal, DeadKernelError, NoSuchKernel) as error:
            reason = f"{type(error).__name__}: {error}"
        except RuntimeError as error:
            reason = str(error)
            if reason.startswith(STILLBORN):
                continue
        else:
            return
        break
    raise NotebookError(f"{path}: {reason}\nThe failed notebook is {executed}")
