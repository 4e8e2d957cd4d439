"""The README and the model card say what the shipped records and weights say."""

import re

import pytest

from smugbench import report
from smugbook import results
from smugbook.chapters.cost import peers
from smugbook.chapters.table1 import summary
from smugbook.experiments.study import STUDIES, read_study
from smugbook.paths import project_root
from smugbook.results import Store
from smuglib.evaluation import records, scores, table_scenarios
from smuglib.files import sha256
from smuglib.methods import METHODS, SIGMAS

ROOT = project_root()
SHIPPED = Store.open("default")


def test_the_readme_holds_the_table_of_the_shipped_records():
    scenarios = [scenario for scenario in table_scenarios() if scenario.name in summary.COLUMNS]
    blocks = {sigma: results.read_block(SHIPPED, sigma) for sigma in SIGMAS}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- table1: begin.*?-->\n(.*?)\n<!-- table1: end -->", text, re.DOTALL)
    assert found is not None
    assert found[1] == summary.table1_markdown(blocks, scenarios)


def test_the_readme_s_ratios_are_those_of_the_shipped_benchmark():
    frame = report.read_benchmark(SHIPPED.folder / "benchmark")
    ten = "solve, 10 right-hand sides"
    python = peers.fastest(frame, ten, 128, ("deepinv", "sigpy"))[1]
    bart = peers.fastest(frame, ten, 128, ("BART",))[1]
    row = peers.select_rows(frame, section="floor", work="SMUG forward", implementation=peers.OWN)
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"take 1/{python:.0f} of the time of the fastest Python peer and 1/{bart:.0f}" in text
    assert f"SMUG costs {row.ratio.item():.2f} times its bare denoiser" in text


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("method", METHODS)
def test_shipped_records_are_of_the_shipped_weights(method, sigma):
    held = scores.read(SHIPPED.records(method, sigma))
    hashes = set(held.loc[held["method"] == method, "weights_sha256"])
    assert hashes == {sha256(SHIPPED.weights(method, sigma))}


@pytest.mark.parametrize("study", STUDIES)
def test_shipped_measurements_are_of_the_shipped_weights_and_enough_subjects(study):
    methods = [m for m in METHODS if SHIPPED.measurements(study, m, SIGMAS[0]).is_file()]
    assert {"modl", "smug"} <= set(methods)
    frame, _ = read_study(study, SHIPPED, methods, SIGMAS[0])
    for method in methods:
        provenance = records.read_provenance(SHIPPED.measurements(study, method, SIGMAS[0]))
        assert provenance["weights_sha256"] == sha256(SHIPPED.weights(method, SIGMAS[0]))
        own = frame[frame["method"] == method]
        assert own["slice"].nunique() >= 24 and own["subject"].nunique() >= 12


@pytest.mark.parametrize("sigma", SIGMAS)
def test_shipped_records_cover_enough_slices_and_subjects(sigma):
    block = results.read_block(SHIPPED, sigma)
    for (_, scenario), part in block.groupby(["method", "scenario"]):
        if scenario in summary.COLUMNS:
            assert part["slice"].nunique() >= 24 and part["subject"].nunique() >= 12


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("method", ["pretrained", *METHODS])
def test_the_model_card_names_every_weights_file_by_its_hash(method, sigma):
    card = (SHIPPED.weights_folder.parent / "README.md").read_text(encoding="utf-8")
    path = SHIPPED.weights(method, sigma)
    assert path.name in card and sha256(path)[:12] in card
