"""A headless Chromium driven over its own debugging pipe, with the network blocked.

The DevTools protocol in its plainest form: JSON messages, each ended by a zero byte, through two
file descriptors. No driver, no port and no package beside the browser itself.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--hide-scrollbars",
    # No name is resolved but this computer's own: a page that asks for another shows an error.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
)

PATIENCE = 120
"""Seconds until a browser that does not answer is given up."""

KEYS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35}
KEYS |= {"Tab": 9, " ": 32}


class Browser:
    """A running Chromium and its one tab.

    ``problems`` gathers what went wrong on the pages opened so far: errors in the console,
    uncaught exceptions, failed requests, and requests to anything but files and this computer.
    """

    def __init__(self, pipe_in: int, pipe_out: int) -> None:
        self._in, self._out = pipe_in, pipe_out
        self._buffer = b""
        self._session: str | None = None
        self._count = 0
        self._urls: dict[str, str] = {}
        self._loaded = False
        self._files: set[str] = set()
        self.problems: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol and return its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._in, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def open(self, url: str | Path) -> None:
        """Open a page, and wait until it has loaded and its mathematics is set."""
        address = url.as_uri() if isinstance(url, Path) else url
        self._loaded = False
        self._files.clear()
        self.send("Page.navigate", url=address)
        deadline = time.monotonic() + PATIENCE
        while not self._loaded:
            self._receive(deadline)
        self.evaluate("window.MathJax?.startup?.promise?.then(() => null) ?? null")

    def weight(self) -> int:
        """Return the bytes of the files that the page has loaded."""
        paths = {unquote(urlsplit(url).path) for url in self._files}
        return sum(Path(path).stat().st_size for path in paths if Path(path).is_file())

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, awaited if it is a promise."""
        result = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def resize(self, width: int, height: int = 900, *, scheme: str = "light") -> None:
        """Set the window's size in CSS pixels, and the colour scheme that a reader prefers."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.send("Emulation.setEmulatedMedia", features=[feature])

    def press(self, key: str) -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if kind == "keyDown" and len(key) == 1 else {}
            self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=KEYS[key],
                **text,
            )

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the pointer at one point, move it to another and release it there."""
        for kind, (x, y) in (
            ("mousePressed", start),
            ("mouseMoved", end),
            ("mouseReleased", end),
        ):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def box(self, selector: str) -> dict[str, float]:
        """Scroll an element into view and return its place in the window: x, y, width, height."""
        return self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center', behavior: 'instant'});"
            " const {x, y, width, height} = e.getBoundingClientRect();"
            " return {x, y, width, height}; })()"
        )

    def screenshot(self, selector: str | None = None, *, whole: bool = False) -> bytes:
        """Return a PNG of the window, of one element, or of the whole page."""
        options: dict[str, Any] = {}
        if selector is not None:
            options["clip"] = {**self.box(selector), "scale": 1}
            # A clip counts from the top of the page.
            options["clip"]["y"] += self.evaluate("window.scrollY")
        if whole:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            options["clip"] = {**size, "scale": 1}
            options["captureBeyondViewport"] = True
        return base64.b64decode(self.send("Page.captureScreenshot", **options)["data"])

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._out], [], [], max(deadline - time.monotonic(), 0))
            received = os.read(self._out, 1 << 20) if ready else b""
            if not received:
                raise TimeoutError("the browser does not answer")
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._notice(message.get("method"), message.get("params", {}))
        return message

    def _notice(self, event: str | None, details: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self._loaded = True
        elif event == "Network.requestWillBeSent":
            url = details["request"]["url"]
            self._urls[details["requestId"]] = url
            if url.startswith("file:"):
                self._files.add(url)
            if not url.startswith(("file:", "data:", "blob:", "about:", "http://127.0.0.1:")):
                self.problems.append(f"request to {url}")
        elif event == "Network.loadingFailed" and not details.get("canceled"):
            url = self._urls.get(details["requestId"], "?")
            self.problems.append(f"failed request {url}: {details['errorText']}")
        elif event == "Runtime.exceptionThrown":
            found = details["exceptionDetails"]
            self.problems.append(f"exception {found.get('exception', found)}")
        elif event == "Runtime.consoleAPICalled" and details["type"] in ("error", "assert"):
            said = [argument.get("value") for argument in details["args"]]
            self.problems.append(f"console error {said}")
        elif event == "Log.entryAdded" and details["entry"]["level"] == "error":
            entry = details["entry"]
            self.problems.append(f"error {entry['text']} {entry.get('url', '')}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a Chromium with an empty profile, and end it when the block ends."""
    commands_in, commands_out = os.pipe()
    answers_in, answers_out = os.pipe()
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        # The browser reads commands from descriptor 3 and answers on 4.
        script = f'exec "$@" 3<&{commands_in} 4>&{answers_out}'
        process = subprocess.Popen(
            ["bash", "-c", script, "-", str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(commands_in, answers_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands_in)
        os.close(answers_out)
        try:
            yield Browser(commands_out, answers_in)
        finally:
            # Without its pipe the browser ends, helper processes included.
            os.close(commands_out)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(answers_in)
