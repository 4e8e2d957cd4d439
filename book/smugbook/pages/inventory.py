"""How the book was made: trainings, evaluations, files and chapters, from what each left behind."""

import math
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from smugbook.notebooks import contents, run
from smugbook.words.labels import METHOD_LABELS
from smugbook.words.markup import in_markdown
from smugbook.words.numbers import NO_BREAK
from smuglib import provenance
from smuglib.evaluation import records
from smuglib.files import read_json, sha256, text_sha256

BOOK_PACKAGES = ("jupyter-book", "sphinx", "myst-nb", "papermill", "snakemake")
"""What the book is built with, beside what results depend on."""

RUN_LABELS = {"pretrained": "denoiser", "departures": "departures", **METHOD_LABELS}
"""Names of runs, as files have them, in words."""

SETTING_LABELS = {
    "pretrained=False": "no pre-training",
    "placement=none": "no smoothing at test time",
    "placement=denoiser": "smoothed at test time",
    "reference=target": "reference t",
    "reference=denoised": "reference D(t)",
    "reference=denoised_detached": "reference D(t), detached",
    "reconstruction_weight": "loss weight",
}
"""Names of settings, or of their values, in which a variant differs from its profile."""


def list_versions() -> pd.Series:
    """Return the versions of Python, of what results depend on, and of what builds the book."""
    found = provenance.versions() | {package: version(package) for package in BOOK_PACKAGES}
    return pd.Series(found, name="version").rename_axis("package")


def list_trainings(folder: Path | str) -> pd.DataFrame:
    """List the trainings of a store, from their logs."""
    rows = {}
    for path, origin in _origins(folder, "logs"):
        log = pd.read_csv(path.with_suffix(".csv"))
        rows[_name(folder, path)] = {
            "updates": int(log["update"].iloc[-1]),
            "validation PSNR (dB)": round(float(log["validation_psnr"].max()), 2),
            "minutes": round(float(log["seconds"].iloc[-1]) / 60, 1),
            "arithmetic": origin.get("precision", ""),
            **_where(origin),
        }
    return _table(rows, "training", ("updates", "validation PSNR (dB)", "minutes", "commit"))


def list_evaluations(folder: Path | str) -> pd.DataFrame:
    """List the records of a store, and whether each file is still what its evaluation wrote."""
    rows = {}
    for path, origin in _origins(folder, "records"):
        digest = text_sha256(path.with_suffix(".csv"))
        rows[_name(folder, path)] = {
            "rows": origin["rows"],
            "SHA-256": digest[:16],
            "unchanged": digest == origin["sha256"],
            **_where(origin),
        }
    return _table(rows, "records", ("rows", "SHA-256", "unchanged", "commit"))


def list_weights(folder: Path | str) -> pd.DataFrame:
    """List the weights of a store."""
    paths = sorted(Path(folder).rglob("weights/[!.]*.safetensors"))
    sizes = {path: round(path.stat().st_size / 1e6, 2) for path in paths}
    rows = {_name(folder, p): {"MB": size, "SHA-256": sha256(p)[:16]} for p, size in sizes.items()}
    return _table(rows, "weights", ("MB", "SHA-256"))


def list_executions(paths: Iterable[Path | str]) -> pd.DataFrame:
    """List executed notebooks, with the time that each took."""
    rows = {}
    for path in paths:
        ran = run.read_notebook(path)["metadata"].get("papermill", {})
        duration, start = ran.get("duration"), str(ran.get("start_time", ""))
        rows[contents.title(path)] = {
            "minutes": math.nan if duration is None else round(duration / 60, 2),
            "day": _day(start[:10]),
            "started (UTC)": start[11:16],
        }
    return _table(rows, "chapter", ("minutes", "day", "started (UTC)"))


def summarize_torture(path: Path | str) -> tuple[pd.DataFrame, str]:
    """Return what ``make torture`` tried and lost, by kind, and a sentence on it."""
    if not Path(path).is_file():
        return _table({}, "kind", ("tried", "survived", "lost")), "No torture is on record here."
    found, made = records.read_any(path).set_index("kind"), records.read_provenance(path)
    tried, lost = found["tried"].sum(), found["lost"].sum()
    told = f"{tried} attempts, {lost} lost (seed {made['seed']}, {_day(made['time'][:10])})."
    return found, told


def label_table(table: pd.DataFrame) -> pd.DataFrame:
    """Tell what each row is about in words, in the place of the path of its file."""
    places = [str(name).removeprefix("variants/").rpartition("/") for name in table.index]
    runs = [re.fullmatch(r"(.*?)(?:_s([\d.]+))?", name) for _, _, name in places]
    told = {
        "run": [RUN_LABELS.get(run[1], run[1]) for run in runs if run],
        "training_sigma": [float(run[2] or math.nan) for run in runs if run],
        "differs by": [_difference(variant) for variant, _, _ in places],
    }
    return pd.concat([pd.DataFrame(told), table.reset_index(drop=True)], axis=1)


def _difference(variant: str) -> str:
    """Return the settings of a variant in words: a dash for none."""
    told = []
    for setting in filter(None, variant.split(",")):
        name, _, value = setting.partition("=")
        with suppress(ValueError):
            value = f"{float(value):.3g}" if "." in value else value
        words = f"{value} updates" if name == "updates" else f"{_setting(name)} {value}"
        told.append(SETTING_LABELS.get(setting, words).replace(" ", NO_BREAK))
    return ", ".join(told) or "–"


def _setting(name: str) -> str:
    return SETTING_LABELS.get(name, name.replace("_", " "))


def split_shared_columns(
    table: pd.DataFrame,
    columns: Sequence[str] = ("device", "arithmetic", "commit", "day", "unchanged"),
) -> tuple[pd.DataFrame, str]:
    """Take the columns out of a table that say the same in every row."""
    same = [name for name in columns if name in table and table[name].nunique() == 1]
    values = [table[name].iloc[0] for name in same]
    told = [
        ("" if value else "not ") + name if name == "unchanged" else f"{name} {in_markdown(value)}"
        for name, value in zip(same, values, strict=True)
    ]
    sentences = [f"In every row: {'; '.join(told)}."] if same else []
    if "date" in table and len(table):
        days = dict.fromkeys((_day(table["date"].min()), _day(table["date"].max())))
        sentences.append(f"Dates: {' to '.join(days)}.")
    return table.drop(columns=[*same, "date"], errors="ignore"), " ".join(sentences)


def device(name: str) -> str:
    """Write the name of a device; one thread is one."""
    return re.sub(r"\b1 threads$", "1 thread", name)


def _day(text: str) -> str:
    """Write a date such as ``"2026-01-02"`` with the name of its month, unbroken."""
    if not text:
        return ""
    day = date.fromisoformat(text)
    return f"{day.day}{NO_BREAK}{day:%b}{NO_BREAK}{day.year}"


def _origins(folder: Path | str, kind: str) -> Iterable[tuple[Path, dict[str, Any]]]:
    for path in sorted(Path(folder).rglob(f"{kind}/[!.]*.json")):
        yield path, read_json(path)


def _where(origin: dict[str, Any]) -> dict[str, str]:
    """Return device, commit and date of a provenance file."""
    return {
        "device": device(origin["device"]),
        "commit": origin["commit"][:7],
        "date": origin["time"][:10],
    }


def _name(folder: Path | str, path: Path) -> str:
    """Return where a file lies in a store, without its kind's folder and its suffix."""
    inside = path.relative_to(folder)
    return (inside.parent.parent / inside.stem).as_posix()


def _table(rows: dict[str, dict[str, Any]], index: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return a table of rows by name; without any, one with columns to ask for."""
    filled = pd.DataFrame.from_dict(rows, orient="index")
    return (filled if rows else pd.DataFrame(columns=list(columns))).rename_axis(index)
