"""Splits by patient, and the order of slices."""

from __future__ import annotations

import pytest

from smuglib.data.fastmri.patients import from_the_centre, split_patients
from smuglib.data.fastmri.volume import Volume

pytest.importorskip("h5py", reason="needs the extra 'fastmri'")
pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")


def patients(volumes: tuple[Volume, ...]) -> set[str]:
    return {volume.patient for volume in volumes}


def test_no_patient_is_in_two_splits(folder):
    files = sorted(folder.glob("*.h5"))
    halves = {"train": 0.5, "val": 0.25, "test": 0.25}
    splits = split_patients(files, halves)
    groups = [patients(volumes) for volumes in splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 12
    assert sum(map(len, splits.values())) == 25
    assert splits == split_patients(reversed(files), dict(reversed(halves.items())))
    assert splits != split_patients(files, halves, seed=1)


def test_a_patient_stays_in_its_split_whatever_else_is_there(folder):
    files = sorted(folder.glob("*.h5"))
    whole, part = split_patients(files), split_patients(files[:9])
    for name, volumes in part.items():
        assert set(volumes) <= set(whole[name])


def test_fractions_are_met_on_average(tmp_path):
    volumes = [Volume(tmp_path, str(n), (1, 2, 32, 32)) for n in range(4000)]
    splits = split_patients(volumes)
    shares = [len(splits[name]) / len(volumes) for name in ("train", "val", "test")]
    # Three standard deviations of a binomial share are at most 3 * 0.5 / sqrt(4000) = 0.024.
    assert shares == pytest.approx([0.76, 0.08, 0.16], abs=0.024)
    assert len(split_patients(volumes, {"test": 1.0})["test"]) == len(volumes)


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ({"train": 0.5}, "fractions must sum to 1"),
        ({"training": 1.0}, "fractions must be one of"),
        ({"train": 1.5, "val": -0.5}, "must lie in"),
    ],
)
def test_impossible_fractions(fractions, message):
    with pytest.raises(ValueError, match=message):
        split_patients([], fractions)


def test_slices_run_over_volumes_from_the_centre(tmp_path):
    long, short = (Volume(tmp_path, "p", (n, 2, 32, 32)) for n in (5, 2))
    assert [index for volume, index in from_the_centre([long, short]) if volume is long] == [
        2,
        1,
        3,
        0,
        4,
    ]
    assert [volume for volume, _ in from_the_centre([long, short])][:4] == [
        long,
        short,
        long,
        short,
    ]
    assert len(from_the_centre([long, short])) == 7
    assert from_the_centre([]) == []


def test_filled_splits_are_those_of_the_deal(folder):
    files = sorted(folder.glob("*.h5"))
    splits = split_patients(files, fill=True)
    groups = {name: patients(volumes) for name, volumes in splits.items()}
    assert sum(map(len, groups.values())) == len(set.union(*groups.values())) == 12
    assert {name: len(group) for name, group in groups.items()} == {"train": 9, "test": 2, "val": 1}
    with pytest.raises(
        ValueError, match="2 patients are too few to fill all: train, val, test need"
    ):
        split_patients([Volume(folder, str(n), (1, 2, 32, 32)) for n in range(2)], fill=True)
