"""Profiles whose scans lie in a folder: their names, folders, sizes, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smugbook import cli, profiles, scan_folders
from smugbook.experiments import controls
from smugbook.notebooks import run
from smugbook.results import Store
from smuglib import data
from smuglib.evaluation import scores
from tests.volume_files import made_up_head, write_patients, write_volume

ROOT = Path(__file__).parents[2]
PLACED = "variants/placement=denoiser/records/modl_s0.05"
"""The evaluation with the fewest scenarios."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_patients(tmp_path_factory.mktemp("own"), 4)


def test_a_folder_with_fewer_slices_gives_what_it_has(folder):
    smoke = profiles.get(f"smoke@volumes:{folder}")
    # 11 slices of each patient: two patients train, one validates, one tests.
    assert (smoke.n_train, smoke.n_validation, smoke.n_test) == (8, 2, 4)
    whole = profiles.get(f"default@volumes:{folder}")
    assert (whole.n_train, whole.n_validation, whole.n_test) == (22, 11, 11)
    assert whole.n_validation_used == profiles.get("default").n_validation_used
    assert (whole.data, whole.noise, whole.lam) == (f"volumes:{folder}", 0.011, 1.0)
    assert smoke == smoke.replace() and profiles.get(smoke.name) == smoke
    assert profiles.base(smoke.name) == "smoke"


def test_a_source_changes_the_noise_and_nothing_else():
    smoke, head = profiles.get("smoke"), profiles.get("smoke@head")
    assert head == smoke.replace(name="smoke@head", data="head", noise=0.011)
    assert head.folder == "smoke@head" and smoke.folder == "smoke"
    assert profiles.get("head@head").noise == profiles.get("head").noise
    assert profiles.get("paper").data == "head"


def test_every_set_of_files_has_results_of_its_own(tmp_path):
    write_patients(tmp_path / "a", 3)
    write_patients(tmp_path / "b", 3)
    name = f"smoke@volumes:{tmp_path / 'a'}"
    first = Store.open(name, "build").folder
    assert first.parent == Store.open("smoke", "build").folder.parent
    assert first.name.startswith("smoke@volumes-") and str(tmp_path) not in first.name
    assert Store.open(f"smoke@volumes:{tmp_path / 'b'}", "build").folder != first
    write_volume(tmp_path / "a" / "p9_T1.nii", made_up_head())
    # A process goes on with the files that it began with; the next one finds another set.
    assert Store.open(name, "build").folder == first
    profiles.fingerprint.cache_clear()
    assert Store.open(name, "build").folder != first
    (tmp_path / "a" / "p9_T1.nii").unlink()
    profiles.fingerprint.cache_clear()
    assert Store.open(name, "build").folder == first
    state = (tmp_path / "a" / "p0_T1.nii").stat()
    os.utime(tmp_path / "a" / "p0_T1.nii", ns=(0, state.st_mtime_ns + 1))
    profiles.fingerprint.cache_clear()
    assert Store.open(name, "build").folder != first


def test_a_relative_folder_is_the_project_s(folder, monkeypatch):
    (folder / "_toc.yml").touch()
    (folder / "book").mkdir(exist_ok=True)
    expected = profiles.get(f"smoke@volumes:{folder / '.'}").folder
    for place in (folder, folder / "book"):
        monkeypatch.chdir(place)
        assert profiles.get("smoke@volumes:.").folder == expected
        profiles._with_source.cache_clear()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smoke@", "data must be one of 'phantom', 'head', 'volumes:FOLDER', 'fastmri:FOLDER'"),
        ("smoke@knee", "data must be one of .*, got 'knee'"),
        ("smoke@volumes", "data must be one of .*, got 'volumes'"),
        ("smok@head", "profile must be one of 'smoke', 'default', 'head', 'paper', got 'smok'"),
        ("smoke@volumes:/nowhere", r"data volumes:/nowhere must be a folder of .nii or .nii.gz"),
        ("smoke@fastmri:/nowhere", r"data fastmri:/nowhere must be a folder of .h5 files"),
    ],
)
def test_an_impossible_source_is_refused_by_name(name, message, capsys):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        profiles.get(name)
    assert cli.main(["compute", name, "--plan"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_folder_with_too_few_slices_is_refused(tmp_path):
    spacing, shape = (2.0, 2.0, 33.0), (100, 110, 5)
    for number in range(3):
        write_volume(tmp_path / f"p{number}_T1.nii", made_up_head(spacing, shape), spacing)
    with pytest.raises(ValueError, match=r"has too few slices: \d train, \d val, \d test, at leas"):
        profiles.get(f"smoke@volumes:{tmp_path}")


def test_fields_of_a_profile_reach_the_data_set(folder):
    profile = profiles.get(f"smoke@volumes:{folder}").replace(density="equispaced")
    dataset = scan_folders.folder_dataset(profile, "test", 1)
    own = data.VolumeDataset(folder, "test", 1, **profile.scan)
    assert dataset[0].mask.equal(own[0].mask)
    assert dataset[0].kspace.shape == (1, profile.n_coils, profile.height, profile.width)
    assert not own[0].mask.equal(data.Protocol(width=64, height=64).mask())


def test_notebooks_take_a_source_with_the_profile(folder):
    page = ROOT / "book" / "01_forward_model.ipynb"
    for name in (f"smoke@volumes:{folder}", "smoke@head"):
        assert run.check_values(page, {"profile": name}) == {"profile": name}
    with pytest.raises(ValueError, match="profile must be one of"):
        run.check_values(page, {"profile": "smok@head"})


def test_a_name_without_a_folder_needs_no_torch():
    script = "import sys\nsys.modules['torch'] = None\nfrom smugbook import profiles\n"
    script += "print(profiles.get('paper@head').name)"
    own = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "book")))}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=own)
    assert done.stdout == "paper@head\n", done.stderr


@pytest.mark.long
def test_a_folder_is_computed_from_end_to_end(folder, tmp_path):
    name = f"smoke@volumes:{folder}"
    parts = ("scans/0", "pretrained_s0.05", "modl_s0.05", PLACED)
    script = "import sys\nfrom smugbook.cli import main\nname, *parts = sys.argv[1:]\n"
    script += "for part in parts:\n"
    script += "    assert main(['compute', name, '--device', 'cpu', '--part', part]) == 0\n"
    own = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "book"))), "SMUGLIB_CACHE": "off"}
    command = [sys.executable, "-c", script, name, *parts]
    options = {"capture_output": True, "text": True, "env": {**os.environ, **own}}
    done = subprocess.run(command, cwd=tmp_path, **options)
    assert done.returncode == 0, done.stderr
    (own_folder,) = (tmp_path / "build").iterdir()
    assert own_folder.name == profiles.get(name).folder
    log = Store(own_folder).read_provenance("modl", 0.05)
    assert (log["settings"]["n_train"], log["settings"]["data"]) == (8, f"volumes:{folder}")
    assert len(scores.read(own_folder / f"{PLACED}.csv")) == 2 * len(controls.SCENARIOS)
    assert len((own_folder / "manifests" / "data.sha256").read_text().splitlines()) == 14
