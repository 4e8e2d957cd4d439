"""Benchmark records come back as they were written, and damaged ones are refused."""

import json

import pytest
import torch

from smugbench import report
from smugbench.cases import Case
from smugbench.rows import COLUMNS, cost_row, format_costs
from smugbench.timing import Timing

CPU = torch.device("cpu")


def rows():
    case = Case(height=32, width=48, n_coils=3, n_samples=10, n_steps=0)
    slow, fast = Timing((0.2, 0.4, 0.3)), Timing((0.1,))
    return [
        cost_row("solves", "solve", "ours", case, fast, reference=fast),
        cost_row(
            "solves",
            "solve",
            "theirs",
            case,
            slow,
            reference=fast,
            accuracy=4e-7,
            accuracy_kind="relative residual",
        ),
        cost_row("memory", "solve", "ours", case, peak_bytes=2**20),
    ]


@pytest.fixture
def written(tmp_path):
    report.write_benchmark(tmp_path, rows(), device=CPU, peers={"peer": "1.0"}, notes=["a note"])
    return tmp_path


def test_records_come_back_as_written(written):
    frame = report.read_benchmark(written)
    assert list(frame.columns) == list(COLUMNS)
    ours, theirs, memory = frame.itertuples()
    assert (ours.height, ours.width, ours.coils, ours.samples, ours.steps) == (32, 48, 3, 10, 0)
    assert (theirs.seconds_median, theirs.seconds_min, theirs.seconds_max) == (0.3, 0.2, 0.4)
    assert theirs.ratio == pytest.approx(3) and theirs.accuracy == 4e-7 and theirs.repeats == 3
    assert memory.peak_bytes == 2**20 and memory.repeats == 0
    assert frame.isna().sum().to_dict() == {
        **dict.fromkeys(COLUMNS, 0),
        **dict.fromkeys(("seconds_median", "seconds_min", "seconds_max", "ratio"), 1),
        "accuracy": 2,
        "peak_bytes": 2,
    }


def test_the_provenance_names_versions_and_processor(written):
    provenance = json.loads((written / "benchmark.json").read_text())
    assert provenance["peers"] == {"peer": "1.0"} and provenance["notes"] == ["a note"]
    # A build of another index has a name of its own behind the "+", which its metadata may lack.
    release = torch.__version__.partition("+")[0]
    assert provenance["versions"]["torch"].partition("+")[0] == release and provenance["processor"]
    assert provenance["rows"] == 3


def test_a_missing_benchmark_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"python -m smugbench --output"):
        report.read_benchmark(tmp_path)


def test_an_edited_benchmark_is_refused(written):
    path = written / report.FILE_NAME
    path.write_text(path.read_text().replace("theirs", "others"))
    with pytest.raises(ValueError, match="truncated or edited"):
        report.read_benchmark(written)


def test_the_table_shows_what_was_measured():
    lines = format_costs(rows()).splitlines()
    assert lines[0] == "solve (32 x 48, 3 coils, samples 10, batch 1)"
    assert "100.00 ms" in lines[1] and "1.00 x" in lines[1]
    assert "300.00 ms (200.00 to 400.00)" in lines[2] and "relative residual 4.0e-07" in lines[2]
    assert lines[3].endswith("1.0 MiB")


def test_the_table_shows_the_size_that_varies():
    sizes = [Case(n_samples=1), Case(n_samples=3)]
    lines = format_costs(cost_row("scaling", "w", "ours", case) for case in sizes).splitlines()
    assert lines[0] == "w"
    assert "samples 1," in lines[1] and "samples 3," in lines[2]


def test_each_device_has_a_folder_of_its_own(monkeypatch, tmp_path):
    gpu = torch.device("cuda")
    monkeypatch.setattr(report.provenance, "device_name", lambda device: "NVIDIA H100 80GB HBM3")
    assert report.default_folder(CPU) == report.BUILD
    assert report.default_folder(gpu) == report.BUILD / "nvidia-h100-80gb-hbm3"
    assert report.other_devices(tmp_path) == {}
    report.write_benchmark(tmp_path, rows(), device=CPU, peers={})
    report.write_benchmark(tmp_path / "nvidia-h100", rows()[:1], device=gpu, peers={})
    ((name, frame),) = report.other_devices(tmp_path).items()
    assert name.startswith("NVIDIA H100 80GB HBM3, torch 2.") and len(frame) == 1
