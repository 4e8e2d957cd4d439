"""What one setting of the training changes: scores against updates, stops, width and λ.

A line is a method, or MoDL with jitter. Its points are the profile's own training and the controls
that differ from it in that setting alone, as far as they have records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from smugbook import profiles
from smugbook.experiments import controls, extent
from smugbook.experiments.controls import BASE_SIGMA, Control, jitter_at
from smugbook.experiments.seeds import Changes, scenario_changes
from smugbook.results.store import Store, run_name
from smugbook.words.labels import METHOD_LABELS
from smuglib import checks, evaluation
from smuglib.evaluation import Scenario, scores
from smuglib.methods import METHODS

AXES = {
    "updates": {"updates"},
    "stops": {"stopped"},
    "channels": {"channels"},
    "lam": {"lam", "lam_learned"},
}
"""What may vary, and the changes of a control that belong to it."""

JITTERED = "MoDL with jitter"
"""Line of the trainings with noise of the strength that suits their λ."""

LEARNED = 0.0
"""Stands for a λ that is learned, for no fixed one is zero."""

Frames = dict[str, dict[float, pd.DataFrame]]
"""Records by line and by value on the axis."""


@dataclass(frozen=True)
class Point:
    """One training of a line, by its value on the axis."""

    line: str
    value: float
    control: Control

    @property
    def records(self) -> str:
        """Name of the part that evaluates it."""
        run = run_name(self.control.method, self.control.sigma)
        folder = f"variants/{self.control.label}/" if self.control.label else ""
        return f"{folder}records/{run}"


def trend_points(profile: str, axis: str) -> list[Point]:
    """Return all points of an axis that a profile has, the profile's own among them."""
    varied = AXES[checks.one_of("axis", axis, AXES)]
    own = [Control("", METHOD_LABELS[method], method) for method in METHODS]
    found = []
    for control in (*own, *extent.profile_controls(profile)):
        changes = {**control.training, **({"stopped": control.stopped} if control.stopped else {})}
        suited = jitter_at(float(str(changes.get("lam", profiles.get(profile).lam))))
        line = JITTERED if changes.pop("jitter", 0) == suited else METHOD_LABELS[control.method]
        has_jitter = line == JITTERED or "jitter" not in control.training
        if control.placement or control.sigma != BASE_SIGMA or not has_jitter:
            continue
        if set(changes) <= varied:
            found.append(Point(line, _value(profile, axis, changes), control))
    return sorted(found, key=lambda point: point.value)


def _value(profile: str, axis: str, changes: Mapping[str, object]) -> float:
    settings = profiles.get(profile)
    if axis == "stops":
        ways = {1.0: settings.updates, **settings.snapshots()}
        return ways[float(str(changes.get("stopped", 1)))]
    if axis == "lam" and not changes.get("lam_learned", "lam" not in changes):
        return float(str(changes["lam"]))
    if axis == "lam":
        return LEARNED if settings.lam_learned else settings.lam
    return float(str(changes.get(axis, getattr(settings, axis))))


def read_trend(store: Store, points: Sequence[Point]) -> Frames:
    """Read the records that there are; lines of a single point are none."""
    found: Frames = {}
    for point in points:
        frame = _read_point(store, point.control)
        if frame is not None:
            found.setdefault(point.line, {})[point.value] = frame
    return {line: frames for line, frames in found.items() if len(frames) > 1}


def _read_point(store: Store, control: Control) -> pd.DataFrame | None:
    if control.variant:
        return controls.read_control(store, control)
    path = store.records(control.method, control.sigma)
    if not path.is_file():
        return None
    frame = scores.read(path)
    return frame[frame["method"] == control.method]


def absent_records(store: Store, points: Sequence[Point]) -> list[str]:
    """Return the names of the parts that would fill the gaps of a trend."""
    return [point.records for point in points if _read_point(store, point.control) is None]


def summarize_trend(frames: Frames, scenarios: Sequence[Scenario]) -> pd.DataFrame:
    """Return mean PSNR with its interval, a row for each line, value and scenario."""
    rows = [
        evaluation.select(frame, scenario).assign(line=line, value=value, scenario=scenario.name)
        for line, values in frames.items()
        for value, frame in values.items()
        for scenario in scenarios
    ]
    every = pd.concat(rows) if rows else pd.DataFrame(columns=["line", "value", "scenario"])
    if every.empty:
        return pd.DataFrame(columns=["line", "value", "scenario", "mean", "low", "high"])
    return evaluation.averages(every, "psnr", by=["line", "value", "scenario"]).reset_index()


def trend_gaps(
    frames: Frames, scenarios: Sequence[Scenario], line: str = "SMUG", reference: str = "MoDL"
) -> dict[float, Changes]:
    """Return what one line has more than another, at every value that both have."""
    first, second = frames.get(line, {}), frames.get(reference, {})
    return {
        value: scenario_changes(first[value], second[value], scenarios)
        for value in first
        if value in second
    }
