"""What is shipped: all numbers, and weights by importance while they stay below the limit."""

from __future__ import annotations

import pytest

from smugbook.experiments import candidates, controls, extent, shipping
from smugbook.results import Store, store
from smuglib.methods import METHODS

SIZE = 1000


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A profile whose every training has weights of one size, and a place to ship to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store, "SHIPPED", tmp_path / "book" / "shipped")
    monkeypatch.setattr(store, "SHIPPED_WEIGHTS", tmp_path / "library" / "shipped")
    own = Store.open("head", "build")
    for sigma in extent.noise_levels("head"):
        for method in ("pretrained", *METHODS):
            write(own.weights(method, sigma), SIZE)
    for control in extent.profile_controls("head"):
        variant = own.named_variant(control.variant, missing_ok=True)
        write(variant.weights(control.method, control.sigma), SIZE)
        write(variant.records(control.method, control.sigma), 10)
    write(own.records("modl", 0.05), 10)
    write(own.records("modl", 0.05).with_name(".records.lock"), 0)
    folder = candidates.tuning_folder(own)
    rows = {"jitter=0.02": 40.0, "jitter=0.005": 30.0, "jitter=0.002": 20.0}
    for setting, level in rows.items():
        lines = [f"jitter,{setting},{name},0,{level}" for name in controls.SCENARIOS]
        table = "\n".join([",".join(candidates.COLUMNS), *lines]) + "\n"
        write(folder / f"{setting}.csv", 0).write_text(table)
    return own


def write(path, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def shipped_names(tmp_path):
    library = tmp_path / "library" / "shipped" / "head"
    return {path.relative_to(library).as_posix() for path in library.rglob("*.safetensors")}


def test_weights_go_by_importance_until_there_is_no_room(built, tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "MOST_BYTES", 7 * SIZE)
    write(tmp_path / "library" / "shipped" / "other" / "weights" / "a.safetensors", SIZE)
    taken, left_out = shipping.ship("head")
    assert len(taken) == 6 and left_out
    first = {f"weights/{name}_s0.05.safetensors" for name in ("pretrained", *METHODS)}
    chosen = "variants/jitter=0.02/weights/modl_s0.05.safetensors"
    assert shipped_names(tmp_path) == {*first, chosen}
    assert not set(taken) & set(left_out)


def test_the_poster_s_setting_comes_before_the_other_lambda_and_then_one_of_a_kind(built):
    order = [path.relative_to(built.folder).as_posix() for path in
             shipping.weights_by_importance("head")]  # fmt: skip
    poster = [p for p in order if "lam=1.0" in p and p.endswith("_s0.01.safetensors")]
    other = [p for p in order if p.startswith("variants/lam=1.0,lam_learned=False/weights")]
    assert order[6 : 6 + len(poster)] == poster
    assert set(other) <= set(order[6 : 6 + len(poster) + len(METHODS) + 1])
    rest = order[6 + len(poster) + len(METHODS) + 1 :]
    for kind in ("adversarial=", "stopped=", "density=", "channels=", "updates=", "lam=0.02"):
        assert sum(path.startswith(f"variants/{kind}") for path in rest) == 1, kind
    assert len(set(order)) == len(order)


def test_the_real_limit_holds_with_room_for_eleven_networks():
    assert 11 * 3_510_056 < shipping.MOST_BYTES < 12 * 3_510_056


def test_numbers_are_shipped_whole_and_what_writers_leave_is_not(built, tmp_path):
    shipping.ship("head")
    target = Store.open("head")
    assert target.folder == tmp_path / "book" / "shipped" / "head"
    assert target.records("modl", 0.05).is_file()
    assert (target.folder / "tuning" / "jitter=0.02.csv").is_file()
    assert not list(target.folder.rglob(".records.lock"))
    labels = {control.variant for control in extent.profile_controls("head") if control.variant}
    assert {path.name for path in (target.folder / "variants").iterdir()} == labels


def test_shipped_weights_of_a_variant_are_found_and_old_ones_go(built, tmp_path):
    shipping.ship("head")
    label = "lam=1.0,lam_learned=False"
    variant = Store.open("head").named_variant(label)
    assert variant.weights("modl", 0.01).is_file()
    assert variant.records("modl", 0.01).is_file()
    built.weights("modl", 0.05).unlink()
    shipping.ship("head")
    assert not Store.open("head").weights("modl", 0.05).is_file()
