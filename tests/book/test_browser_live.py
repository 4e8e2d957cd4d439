"""The live explorers in a real Jupyter server and a real browser, with the network blocked."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.browser import CHROMIUM, chromium
from tests.notebook_files import code, write
from tests.smugbook.explorers.test_engines import untrained

ROOT = Path(__file__).parents[2]
TOKEN = "explorer"
PATIENCE = 240
"""Seconds that a slow machine may take for any one step."""

APPS = {
    "lab": ("jupyterlab", "LabApp", "lab/tree/live.ipynb"),
    "notebook": ("notebook", "JupyterNotebookApp", "notebooks/live.ipynb"),
}

CELL = """\
from smugbook.explorers.live.robustness_engine import Request, RobustnessEngine
from smugbook.results.store import Store
from smugbook.explorers.live import RobustnessExplorer
from tests.smugbook.explorers.test_engines import TINY
from pathlib import Path
RobustnessExplorer(RobustnessEngine(Store(Path("weights")), TINY), Request("smug", n_samples=3))
"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(params=APPS)
def page(request, tmp_path):
    """Address of a notebook in a running server."""
    package, app, path = APPS[request.param]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    work = tmp_path / "work"
    untrained(work / "weights")
    write(work / "live.ipynb", code(CELL))
    port = free_port()
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": work,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "IdentityProvider.token": TOKEN,
        f"{app}.expose_app_in_browser": True,
    }
    # Nothing of the user's own settings, and nothing is left in them.
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    own = {name: str(tmp_path / name.lower()) for name in folders}
    environment = {**os.environ, **own, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]])}
    log = (tmp_path / "server.log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", package, *(f"--{name}={value}" for name, value in options.items())],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for_server(f"http://127.0.0.1:{port}/api/status?token={TOKEN}", server, log)
        yield f"http://127.0.0.1:{port}/{path}?token={TOKEN}"
    finally:
        server.terminate()
        server.wait(60)
        log.close()


def wait_for_server(address, server, log):
    for _ in range(4 * PATIENCE):
        assert server.poll() is None, Path(log.name).read_text()
        try:
            with urllib.request.urlopen(address):
                return
        except OSError:
            time.sleep(0.25)
    raise TimeoutError(Path(log.name).read_text())


def until(browser, expression):
    """Return the value of a JavaScript expression as soon as it is true."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if value := browser.evaluate(expression):
            return value
        time.sleep(0.2)
    raise TimeoutError(f"{expression} stayed false: {browser.evaluate('document.body.innerText')}")


SESSION = "jupyterapp.shell.currentWidget?.sessionContext"
PICTURE = "document.querySelector('img[alt=\"magnitude, SMUG\"]')?.src"
WORDS = "[...document.querySelectorAll('.widget-html')].map(e => e.innerText).join(' ')"


SLIDER = (
    "[...document.querySelectorAll('.widget-slider')].find(e =>"
    " e.querySelector('.widget-label').innerText === 'columns (%)')"
)
HANDLE = f"{SLIDER}.querySelector('.noUi-handle')"
PLACE = f"""(() => {{
    {SLIDER}.scrollIntoView({{block: 'center', behavior: 'instant'}});
    const handle = {HANDLE}.getBoundingClientRect();
    const track = {SLIDER}.querySelector('.noUi-base').getBoundingClientRect();
    return [handle.x + handle.width / 2, handle.y + handle.height / 2, track.x, track.width];
}})()"""


def press_right(browser):
    """Move the slider of the sampling rate by a key; again where the page took the focus away."""
    before, deadline = browser.evaluate(f"{HANDLE}.ariaValueNow"), time.monotonic() + PATIENCE
    while browser.evaluate(f"{HANDLE}.ariaValueNow") == before:
        assert time.monotonic() < deadline, f"the slider stays at {before}"
        browser.evaluate(f"{HANDLE}.focus()")
        browser.press("ArrowRight")


def drag(browser, percent):
    """Move the slider by the pointer, to a pixel's precision; return where it is then."""
    x, y, left, width = browser.evaluate(PLACE)
    browser.drag((x, y), (left + width * (percent - 1) / 99, y))
    return round(float(browser.evaluate(f"{HANDLE}.ariaValueNow")))


def said(text):
    return f"{WORDS}.includes({json.dumps(text)})"


def test_the_live_explorer_follows_its_sliders(page):
    with chromium() as browser:
        browser.resize(1280)
        browser.open(page)
        until(browser, "!!window.jupyterapp && !!document.querySelector('.jp-CodeCell')")
        until(browser, f"{SESSION}?.ready.then(() => !!{SESSION}.session?.kernel)")
        browser.evaluate("jupyterapp.commands.execute('notebook:run-all-cells') && null")
        before = until(browser, PICTURE)
        until(browser, said("25\u00a0% of the columns, σ = 0.05, 2 steps, 3 noise samples"))

        until(browser, f"!!{SLIDER}")
        if "/lab/" in page:  # Jupyter Notebook keeps the arrow keys for itself
            press_right(browser)
            until(browser, said("26\u00a0% of the columns, σ = 0.05, 2 steps, 3 noise samples"))
            # 26 % of 32 columns are 8, as 25 % are: another request, the same picture.
            assert browser.evaluate(PICTURE) == before

        there = drag(browser, 50)
        assert abs(there - 50) <= 2
        until(browser, said(f"{there}\u00a0% of the columns, σ = 0.05, 2 steps, 3 noise samples"))
        after = browser.evaluate(PICTURE)
        assert after != before

        assert drag(browser, -20) == 1
        until(browser, said("samples no column of width 32"))
        assert browser.evaluate(PICTURE) == after
        assert drag(browser, 50) == there
        until(browser, f"!{said('samples no column')} && {PICTURE} === {json.dumps(after)}")
        assert not [problem for problem in browser.problems if problem.startswith("request to")]
