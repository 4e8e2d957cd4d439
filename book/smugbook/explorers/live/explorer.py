"""What all explorers share: controls, pictures, progress, a message area, and one worker."""

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic

import ipywidgets

from smugbook.explorers.live.worker import Engine, Latest, Request, Result
from smugbook.words.markup import in_html
from smuglib.data.template import template

STILL = (
    "<p><em>This is a picture of the explorer. To move its sliders, open the chapter in "
    "JupyterLab with “make lab” and run it.</em></p>"
)

PATIENCE = 120.0
"""Seconds that the first display waits for its picture."""


class LiveExplorer(ABC, Generic[Request, Result]):
    """Controls above pictures that follow them.

    Subclasses fill ``controls`` and say what a set of controls asks for and how a result looks.
    Pages without a kernel show the last pictures instead of the controls.
    """

    def __init__(
        self,
        engine: Engine[Request, Result],
        start: Request,
        controls: Mapping[str, ipywidgets.Widget],
    ) -> None:
        self.controls = dict(controls)
        self.arrange()
        self._check(start)
        self.pictures = ipywidgets.HTML()
        self.message = ipywidgets.HTML()
        self.progress = ipywidgets.IntProgress(min=0, max=1, layout={"width": "10em"})
        self.cancel = ipywidgets.Button(description="Cancel", disabled=True)
        self.result: Result | None = None
        self._latest: Latest[Request, Result] = Latest(engine, self)
        self.cancel.on_click(lambda _: self._latest.cancel())
        # A row that wraps: narrow windows have them one below the other.
        settings = ipywidgets.Box(
            list(self.controls.values()), layout={"flex_flow": "row wrap", "width": "100%"}
        )
        status = ipywidgets.HBox([self.cancel, self.progress, self.message])
        self.box = ipywidgets.VBox([settings, status, self.pictures])
        for control in self.controls.values():
            control.observe(lambda _: self.update(), names="value")
        # The first slice that no cache holds needs the brain's template, which takes a second or
        # two to read: that passes while the first picture is looked at.
        threading.Thread(target=template, name="template", daemon=True).start()
        self.update()

    @abstractmethod
    def request(self) -> Request:
        """Return what the controls ask for, or raise a ValueError that names what is wrong."""

    @abstractmethod
    def drawn(self, result: Result) -> str:
        """Return a result as HTML."""

    @abstractmethod
    def described(self, result: Result) -> str:
        """Return the settings of a result and how long it took, as plain text."""

    @abstractmethod
    def awaited(self, result: Result) -> str:
        """Return what a preview is, and what it is not, as plain text."""

    def arrange(self) -> None:
        """Enable the controls that matter at these settings; by default all of them."""

    def update(self) -> None:
        """Ask for the picture of the controls as they are."""
        self.arrange()
        try:
            request = self.request()
        except Exception as error:  # it belongs on the screen, not into a log
            self._latest.cancel()
            self.failed(error)
            return
        self._latest.submit(request)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the picture is there."""
        return self._latest.wait(timeout)

    def started(self, request: Request) -> None:
        """Say that a request is computed; the last pictures stay, with their own settings."""
        self._busy(True)
        self.progress.value, self.progress.max = 0, 1
        self._say("computing …")

    def advanced(self, done: int, total: int) -> None:
        """Say how far the computation has come."""
        self.progress.max, self.progress.value = total, done
        if total > 1:
            self._say(f"computing … step {done} of {total}")

    def shown(self, result: Result, *, final: bool) -> None:
        """Show a result."""
        self.result = result
        self.pictures.value = f"<p>{in_html(self.described(result))}</p>{self.drawn(result)}"
        self._say("" if final else self.awaited(result))

    def failed(self, error: Exception) -> None:
        """Show an error in place of the result."""
        self._busy(False)
        self._say(f"{type(error).__name__}: {error}", alert=True)

    def stopped(self, *, cancelled: bool) -> None:
        """Say that nothing is computed any more."""
        self._busy(False)
        if cancelled:
            self._say("cancelled; the pictures are of the settings above them")

    def _check(self, start: Request) -> None:
        """Refuse a start that the controls, which clip what they are set to, do not reach."""
        reached = vars(self.request())
        for name, asked in vars(start).items():
            found = reached[name]
            same = found == asked or (isinstance(asked, float) and math.isclose(found, asked))
            if not same and None not in (asked, found):
                raise ValueError(
                    f"{name} must be a value of its slider, got {asked!r}: the nearest is {found!r}"
                )

    def _busy(self, busy: bool) -> None:
        self.cancel.disabled = not busy
        self.progress.layout.visibility = "visible" if busy else "hidden"

    def _say(self, text: str, *, alert: bool = False) -> None:
        style = ' style="color:#b00020;font-weight:bold"' if alert else ""
        role = "alert" if alert else "status"
        self.message.value = f'<span role="{role}"{style}>{in_html(text)}</span>'

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        self.wait(PATIENCE)
        still = STILL + self.message.value + self.pictures.value
        return {**self.box._repr_mimebundle_(), "text/html": still}


_WIDE = {"style": {"description_width": "10em"}, "layout": {"width": "25em"}}


def choice(name: str, options: Sequence[Any], value: object) -> ipywidgets.Dropdown:
    """Return a list to choose from."""
    return ipywidgets.Dropdown(description=name, options=options, value=value, **_WIDE)


def slider(
    name: str, least: float, largest: float, value: float, *, step: float = 0.1
) -> ipywidgets.FloatSlider:
    """Return a slider of decimal numbers."""
    return ipywidgets.FloatSlider(
        description=name,
        min=least,
        max=largest,
        step=step,
        value=value,
        readout_format=".1f",
        **_WIDE,
    )


def count(name: str, least: int, largest: int, value: int) -> ipywidgets.IntSlider:
    """Return a slider of whole numbers."""
    return ipywidgets.IntSlider(description=name, min=least, max=largest, value=value, **_WIDE)


def decimal(value: float) -> float:
    """Return a slider's value without the dust of adding steps in floats."""
    return round(value, 3)
