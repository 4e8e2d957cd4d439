"""The benchmark's works on networks are what they are called, and run from the command line."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from smugbench import __main__ as command
from smugbench import (
    agreement,
    floor,
    implementation,
    learned,
    memory,
    networks,
    peers,
    report,
    scaling,
    solves,
    throughput,
)
from smugbench.cases import Case
from smugbench.implementation import Setup, Smuglib
from smugbench.rows import cost_row

TINY = Case(height=32, width=32, n_coils=3, n_samples=2, n_steps=2)


def test_every_section_runs_from_the_command_line(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "Case", lambda device: replace(TINY, device=device))
    monkeypatch.setattr(solves, "SIZES", ((32, 32, 3), (48, 32, 2)))
    monkeypatch.setattr(scaling, "AXES", {"n_samples": (1, 2), "size": (32, 40), "n_steps": (1,)})
    monkeypatch.setattr(memory, "peak", lambda work, name, case: 2**20)
    monkeypatch.setattr(peers, "find_peers", lambda device: ({}, ["a peer: not installed"]))
    threads = str(torch.get_num_threads())
    arguments = ["--quick", "--threads", threads, "--device", "cpu", "--output", str(tmp_path)]
    command.main(arguments)
    printed = capsys.readouterr().out
    assert f"cpu, {threads} threads" in printed and "a peer: not installed" in printed
    assert "48 x 32" not in printed
    frame = report.read_benchmark(tmp_path)
    assert list(frame["section"].unique()) == list(command.SECTIONS)
    steps = set(command.QUICK)
    assert steps | {"transfer attack step"} <= set(frame["work"])
    assert (frame["height"] <= 40).all() and (frame["threads"] == int(threads)).all()


def test_sections_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setattr(solves, "SIZES", ((32, 32, 3),))
    monkeypatch.setattr(peers, "find_peers", lambda device: ({}, []))
    command.main(["--quick", "--only", "solves", "--device", "cpu", "--output", str(tmp_path)])
    assert set(report.read_benchmark(tmp_path)["section"]) == {"solves"}


def test_what_was_measured_outlives_a_failure_and_the_end_of_the_time(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "find_peers", lambda device: ({}, []))

    def broken(name, *settings):
        yield [cost_row(name, "solve", "ours", TINY)], []
        raise RuntimeError("no memory\nat all")

    sections = {name: partial(broken, name) for name in ("solves", "floor")}
    monkeypatch.setattr(command, "SECTIONS", sections)
    arguments = ["--device", "cpu", "--output", str(tmp_path)]
    with pytest.raises(SystemExit, match="1"):
        command.main(arguments)
    assert len(report.read_benchmark(tmp_path)) == 2
    failed = ["failed: solves: RuntimeError: no memory", "failed: floor: RuntimeError: no memory"]
    assert report.provenance_of(tmp_path)["notes"] == failed
    command.main([*arguments, "--budget", "0"])
    assert len(report.read_benchmark(tmp_path)) == 1
    assert report.provenance_of(tmp_path)["notes"] == ["solves: cut short, the time is up"]


def test_a_learned_weight_is_compared_with_the_same_one_fixed():
    rows = [row for batch, _ in learned.measure_learned(TINY, repeats=1) for row in batch]
    routes = [learned.FIXED, learned.LEARNED, learned.DECOMPOSED]
    assert [row.implementation for row in rows] == [routes[0], routes[2], *routes, *routes]
    solved = [row for row in rows if row.accuracy_kind]
    assert len(solved) == 3 and all(0 < row.accuracy < 1e-6 for row in solved)


def test_agreement_compares_a_device_with_the_cpu_and_graphs_with_none(monkeypatch):
    monkeypatch.setattr(agreement, "METHODS", {"modl": "none", "smug": "denoiser"})
    monkeypatch.setattr(agreement, "RUNGS", {"kspace": 0.02})
    rows = [row for batch, _ in agreement.measure_agreement(TINY) for row in batch]
    works = [f"{label}, {work}" for label in ("MoDL", "SMUG") for work in
             ("image", "gradient", "error after kspace")]  # fmt: skip
    assert list(dict.fromkeys(row.work for row in rows)) == works
    found = {(row.work, row.implementation): row.accuracy for row in rows}
    for work in works:
        # This device is the CPU, and has no graphs; bfloat16 is another arithmetic.
        assert found[work, "eager"] == found[work, "graphs"] == found[work, "bfloat16, graphs"] == 0
        assert 0 < found[work, "bfloat16"] < 0.2


def test_throughput_is_of_updates_and_of_an_attack():
    attack = replace(throughput.STRONG, n_steps=1)
    case = replace(TINY, n_steps=1)
    settings = {"batches": (1, 2), "n_attacked": 3, "attack": attack, "repeats": 1}
    batches = [rows for rows, _ in throughput.measure_throughput(case, **settings)]
    assert [(rows[0].work, rows[0].batch, len(rows)) for rows in batches] == [
        *((f"{name} update", batch, 1) for batch in (1, 2) for name in ("MoDL", "SMUG")),
        ("SMUG adaptive_strong", 3, 2),
    ]
    assert all(row.seconds_median > 0 for rows in batches for row in rows)


def test_torch_s_own_graphs_stand_beside_ours(monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "compile", lambda body, **how: (asked.append(how["mode"]), body)[1])
    marks = []
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: marks.append(1))
    ((rows, _),) = throughput.measure_compiled(replace(TINY, n_steps=1), batches=(2,), repeats=2)
    assert [row.implementation for row in rows] == ["bfloat16", "bfloat16, reduce-overhead"]
    assert asked == ["reduce-overhead"] and len(marks) == 3


def test_on_a_gpu_graphs_are_compared_and_the_noise_is_drawn_there(monkeypatch):
    drawn = []
    monkeypatch.setattr(implementation, "generator", lambda *keys, device: drawn.append(device))
    setup = Setup.of(TINY)
    names = list(implementation.own_implementations(setup))
    on_gpu = replace(setup, case=replace(TINY, device="cuda"))
    extra = list(implementation.own_implementations(on_gpu))[len(names) :]
    assert extra == ["smuglib, graphs", "smuglib, bfloat16, graphs"]
    on_gpu.noise()
    assert drawn == ["cuda"]


def test_an_unknown_section_is_refused():
    with pytest.raises(ValueError, match="--only must be one of 'solves', .*, got 'speed'"):
        command.main(["--only", "speed"])


@pytest.mark.parametrize("name", ["transfer attack step", "SMUG adaptive attack step"])
def test_attack_steps_are_timed_with_frozen_parameters(name):
    setup = Setup.of(TINY)
    learned = []
    setup.network.denoiser.register_forward_pre_hook(
        lambda denoiser, _: learned.append(any(p.requires_grad for p in denoiser.parameters()))
    )
    networks.network_works()[name][0](Smuglib(setup))
    assert learned == [False] * TINY.n_steps


def test_all_methods_are_timed_and_compared():
    rows = [
        row
        for batch, _ in networks.measure_networks(
            TINY, {}, names=list(networks.network_works()), repeats=1
        )
        for row in batch
    ]
    own = [row for row in rows if row.implementation == "smuglib"]
    assert [row.work for row in own] == list(networks.network_works())
    assert all(row.accuracy == 0 and row.ratio == 1 for row in own)
    few = [row.samples for row in own if "few samples" in row.work]
    assert few == [networks.TRAINING_SAMPLES] * 3
    accuracies = {
        variant: [row.accuracy for row in rows if row.implementation == f"smuglib, {variant}"]
        for variant in ("checkpointed", "bfloat16")
    }
    assert accuracies["checkpointed"] == [0] * len(own)
    assert all(0 < accuracy < 0.2 for accuracy in accuracies["bfloat16"])


@pytest.mark.parametrize("step", [Smuglib.transfer_step, lambda s: s.adaptive_step("denoiser")])
def test_attack_steps_ascend(step):
    setup = Setup.of(TINY)
    ours = Smuglib(setup)
    gradient = step(ours)
    direction = 1e-3 * gradient / gradient.abs().max()

    def error(scale):
        if gradient.ndim == 4:
            smoothing = setup.smoothing("denoiser")
            x = ours.reconstruct(ours.kspace + scale * direction, None, smoothing)
        else:
            x = ours.reconstruct(ours.kspace, scale * direction, replace(setup.smoothing("none")))
        return (x - ours.target).abs().square().sum().item()

    expected = (gradient.conj() * direction).real.sum().item()
    assert error(0.5) - error(-0.5) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("keep", [False, True])
def test_the_floor_calls_the_denoiser_once_a_step_on_all_samples(keep):
    bare = floor.Bare(Setup.of(TINY))
    shapes = []
    bare.setup.network.denoiser.register_forward_hook(
        lambda module, inputs, output: shapes.append(tuple(output.shape))
    )
    for calls in (bare.forward, lambda: bare.to_input(keep=keep)):
        calls()
    bare.to_parameters(keep=keep)
    assert shapes == [(1, TINY.n_samples, TINY.height, TINY.width)] * (3 * TINY.n_steps)


def test_growth_is_that_of_the_peak_and_not_of_what_stays():
    n_bytes = 2**27
    growth = memory._growth(lambda: torch.ones(n_bytes // 4).sum())
    assert 0.9 * n_bytes < growth < 1.5 * n_bytes


def test_memory_is_measured_in_a_process_of_its_own():
    case = replace(TINY, height=96, width=96, n_samples=4)
    images = 96 * 96 * 4 * 8
    assert images < memory.peak("SMUG adaptive attack step", "smuglib", case) < 2**30
