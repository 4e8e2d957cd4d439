"""Records of a second device are shown beside the first one's, under its own name."""

from dataclasses import replace

import torch

from smugbench import report
from smugbench.cases import Case
from smugbench.rows import cost_row
from smugbench.timing import Timing
from smugbook.chapters.cost import devices

CASE = Case(device="cuda")


def test_every_work_stands_beside_its_reference(tmp_path):
    bare, ours = Timing((0.02,)), Timing((0.021,))
    forward = [
        cost_row(section, "forward", name, replace(CASE, batch=batch), timing, reference=bare)
        for section, batch in (("floor", 1), ("batches", 1), ("batches", 16))
        for name, timing in (("bare denoiser", bare), ("smuglib", ours))
    ]
    apart = [
        cost_row("agreement", "MoDL", name, CASE, accuracy=value, accuracy_kind="difference")
        for name, value in (("CPU", 0.0), ("GPU", 3e-7))
    ]
    other_size = cost_row("floor", "forward", "smuglib", replace(CASE, width=320), ours)
    rows = [*forward[:-1], *apart, other_size]
    report.write_benchmark(tmp_path / "a-gpu", rows, device=torch.device("cpu"), peers={})
    ((name, frame),) = report.other_devices(tmp_path).items()
    assert "torch 2." in name
    tables = devices.format_device(frame)
    assert list(tables) == [devices.SECTIONS[name] for name in ("floor", "batches", "agreement")]
    floor, batches, agreement = tables.values()
    assert floor.to_dict("index") == {
        "forward, batch 1": {"reference (ms)": "20", "bare denoiser": "1.00", "smuglib": "1.05"}
    }
    assert batches["smuglib"].to_dict() == {"forward, batch 1": "1.05", "forward, batch 16": "–"}
    assert agreement.loc["MoDL, batch 1"].tolist() == ["0.00", "3e-07"]
