"""Lesions: where they lie, what they do to a scan, and what is measured of them."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smugbook.experiments import lesion_trial
from smuglib.analysis.lesions import (
    AIMS,
    Lesion,
    apparent_contrast,
    contrast_recovery,
    draw,
    false_contrast,
    footprint,
    mean_in,
    objective,
    plant,
)
from smuglib.data import Scan, collate
from smuglib.evaluation import Scenario
from smuglib.evaluation.trial import reconstruct
from smuglib.models import ZeroFilled
from smuglib.random import complex_normal, generator
from tests.helpers import few_examples
from tests.scans import measurement, network

SIZE = 48


def image(dtype=torch.complex128):
    """A disc of tissue of smoothly varying magnitude and phase, in air."""
    rows, columns = torch.meshgrid(*[torch.arange(SIZE, dtype=torch.float64)] * 2, indexing="ij")
    magnitude = 0.6 + 0.2 * torch.cos(rows / 7) * torch.sin(columns / 9)
    inside = torch.hypot(rows - SIZE / 2, columns - SIZE / 2) < 20
    return torch.polar(magnitude * inside, rows / 20 + columns / 30)[None].to(dtype)


def scan(seed=0, dtype=torch.complex128):
    """A noisy scan of that image."""
    _, A, _ = measurement(seed, size=SIZE, n_coils=3, dtype=dtype)
    target = image(dtype)
    noise = complex_normal(A.maps.shape, 0.01, generator(seed, "noise"), target)
    y = torch.where(A.mask, A.forward(target) + noise, 0)
    scale = A.adjoint(y).abs().max()
    return Scan(y / scale, A.maps, A.mask, target / scale, scale.item(), seed, seed, "test")


def planted(seed=0, contrast=0.5, radius=2.0, n_lesions=2, dtype=torch.complex128):
    found = scan(seed, dtype)
    noise = generator(seed, "lesions")
    return plant(
        found, draw(found.target, n_lesions, radius=radius, contrast=contrast, generator=noise)
    )


def at_the_peak(dtype=torch.complex128):
    """A scan whose lesion is the brightest spot of its zero-filled image: its scale changes."""
    found = scan(dtype=dtype)
    peak = found.operator.adjoint(found.kspace).abs().argmax().item()
    pair = plant(found, [Lesion(peak // SIZE, peak % SIZE, 2.0, 1.5)])
    assert pair.factor > 1.05
    return pair


def test_a_lesion_is_a_disc_with_a_soft_edge():
    lesion = Lesion(5, 6, 1.0, 0.2)
    profile = lesion.profile(13, 14)
    assert lesion.disc(13, 14).sum() == 5
    assert profile[5, 7] == 0.5
    assert 0.97 < profile[5, 6] < 1
    assert profile[5, 8] == pytest.approx(math.erfc(1 / (0.5 * math.sqrt(2))) / 2)
    annulus = lesion.annulus(13, 14)
    assert not (annulus & lesion.disc(13, 14)).any()
    assert profile[annulus].eq(0).all()
    # Distances from 2.5 to 4.5 pixels: (3, 0) lies in it, (2, 0) and (5, 0) do not.
    assert annulus[8, 6] and not annulus[7, 6] and not annulus[10, 6]


@few_examples
@given(seed=st.integers(0, 10**6), radius=st.floats(1, 3), tissue=st.floats(0.2, 0.6))
def test_lesions_lie_in_tissue_and_apart(seed, radius, tissue):
    target = image()
    lesions = draw(target, 2, radius=radius, contrast=0.2, tissue=tissue, generator=generator(seed))
    magnitude = target[0].abs()
    rows, columns = np.indices((SIZE, SIZE))
    for lesion in lesions:
        near = np.hypot(rows - lesion.row, columns - lesion.column) <= lesion.outer
        assert magnitude[torch.from_numpy(near)].min() >= tissue * magnitude.max()
        assert lesion.outer <= min(lesion.row, lesion.column, SIZE - 1 - lesion.row)
    for one, other in itertools.permutations(lesions, 2):
        overlap = one.annulus(SIZE, SIZE) & (other.profile(SIZE, SIZE) > 0)
        assert not overlap.any()


def test_every_place_is_drawn():
    """A ring of tissue that leaves few places: all of them come up, and nothing else."""
    target = torch.zeros(1, 20, 20, dtype=torch.complex64)
    target[:, 2:16, 3:16] = 1  # neighbourhoods of 13 x 13 pixels: rows 8 and 9, column 9
    draws = generator(0)
    found = {
        (lesion.row, lesion.column)
        for _ in range(30)
        for lesion in draw(target, 1, radius=2.0, contrast=0.2, edge=0.9, generator=draws)
    }
    assert found == {(8, 9), (9, 9)}


def test_draws_are_seeded_and_nested():
    options = {"radius": 1.0, "contrast": 0.2}
    three = draw(image(), 3, **options, generator=generator(4))
    assert draw(image(), 3, **options, generator=generator(4)) == three
    assert draw(image(), 2, **options, generator=generator(4)) == three[:2]
    assert draw(image(), 3, **options, generator=generator(5)) != three


@few_examples
@given(contrast=st.floats(0.1, 2), sign=st.sampled_from([1, -0.4]))
def test_the_target_changes_by_the_contrast_and_keeps_its_phase(contrast, sign):
    pair = planted(contrast=sign * contrast)
    ratio = pair.factor * pair.scan.target[0] / pair.free.target[0]
    for lesion, annulus in zip(pair.lesions, pair.annuli, strict=True):
        profile = lesion.profile(SIZE, SIZE)
        near = lesion.disc(SIZE, SIZE)
        expected = 1 + sign * contrast * profile[near]
        torch.testing.assert_close(ratio[near], expected.to(ratio.dtype))
        torch.testing.assert_close(ratio[annulus], torch.ones_like(ratio[annulus]))


def test_the_noise_is_what_it_was_and_the_scale_is_of_the_new_image():
    pair = at_the_peak()

    def noise(part):
        return part.scale * (part.kspace - part.operator.forward(part.target))

    torch.testing.assert_close(noise(pair.scan), noise(pair.free))
    assert noise(pair.free).abs().max() > 1e-3
    assert pair.scan.operator.adjoint(pair.scan.kspace).abs().max().item() == pytest.approx(1)
    absolute = pair.scan.scale * pair.scan.target - pair.free.scale * pair.free.target
    assert absolute[0][~(pair.lesions[0].profile(SIZE, SIZE) > 0)].abs().max() < 1e-12
    assert not pair.scan.kspace[~pair.scan.mask.expand_as(pair.scan.kspace)].any()


@few_examples
@given(kept=st.floats(-0.5, 1.5), contrast=st.floats(0.1, 1))
def test_recovery_is_the_share_that_is_kept(kept, contrast):
    pair = planted(contrast=contrast)
    lesion = pair.factor * pair.scan.target - pair.free.target
    x = (pair.free.target + kept * lesion) / pair.factor
    expected = torch.full((2,), kept, dtype=torch.float64)
    torch.testing.assert_close(contrast_recovery(pair, x, pair.free.target), expected)
    torch.testing.assert_close(apparent_contrast(pair, x), expected)
    assert false_contrast(pair, pair.free.target).abs().max() < 1e-12


def test_each_lesion_has_a_number_of_its_own():
    pair = planted()
    x = pair.factor * pair.scan.target
    first = pair.lesions[0].profile(SIZE, SIZE) > 0
    x = torch.where(first, pair.free.target, x) / pair.factor
    expected = torch.tensor([0.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(contrast_recovery(pair, x, pair.free.target), expected)


def test_an_artefact_in_both_is_false_contrast_and_no_recovery():
    """An artefact as strong as the lesion, in its disc, doubles the apparent contrast."""
    pair = at_the_peak()
    lesion = pair.factor * pair.scan.target - pair.free.target
    free = pair.free.target + lesion
    x = (pair.factor * pair.scan.target + lesion) / pair.factor
    for measure, images, value in (
        (contrast_recovery, (x, free), 1.0),
        (false_contrast, (free,), 1.0),
        (apparent_contrast, (x,), 2.0),
    ):
        assert measure(pair, *images).item() == pytest.approx(value)


def test_measures_are_in_the_units_of_their_scans():
    pair = at_the_peak()
    assert contrast_recovery(pair, pair.scan.target, pair.free.target).item() == pytest.approx(1)
    same = pair.factor * pair.scan.target  # in the units of the other scan: wrong by the factor
    assert abs(contrast_recovery(pair, same, pair.free.target).item() - 1) > 0.05


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"row": -1}, "row must be an integer >= 0"),
        ({"column": 0.5}, "column must be an integer"),
        ({"radius": 0.0}, "radius must be > 0"),
        ({"edge": 0.0}, "edge must be > 0"),
        ({"contrast": 0.0}, "contrast must be > -1 and not 0"),
        ({"contrast": -1.0}, "contrast must be > -1 and not 0"),
    ],
)
def test_impossible_lesions_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Lesion(**{"row": 1, "column": 1, "radius": 2.0, "contrast": 0.2} | settings)


def test_impossible_requests_are_refused():
    options = {"radius": 2.0, "contrast": 0.2, "generator": generator(0)}
    with pytest.raises(ValueError, match="radius 30 with edge 0.5 must fit an image of"):
        draw(image(), 1, **options | {"radius": 30.0})
    with pytest.raises(ValueError, match=r"room for \d+ lesions .*, not for n_lesions = 99"):
        draw(image(), 99, **options)
    with pytest.raises(ValueError, match="tissue must lie in"):
        draw(image(), 1, **options, tissue=0.0)
    with pytest.raises(ValueError, match="n_lesions must be an integer >= 1"):
        draw(image(), 0, **options)
    with pytest.raises(ValueError, match="batch of one"):
        draw(image().expand(2, -1, -1), 1, **options)
    with pytest.raises(TypeError, match="generator must be"):
        draw(image(), 1, **options | {"generator": None})
    with pytest.raises(ValueError, match="lesions must hold at least one"):
        plant(scan(), [])
    with pytest.raises(ValueError, match="lesions must lie in an image of 48 x 48"):
        plant(scan(), [Lesion(3, SIZE, 2.0, 0.2)])
    with pytest.raises(ValueError, match="batch of one"):
        plant(collate([scan(0), scan(1)]), [Lesion(3, 3, 2.0, 0.2)])
    pair = planted()
    with pytest.raises(ValueError, match="x must have the shape"):
        contrast_recovery(pair, pair.scan.target[:, 1:], pair.free.target)
    with pytest.raises(TypeError, match="free must be complex"):
        false_contrast(pair, pair.free.target.abs())


KSPACE = Scenario("k", "kspace", 0.02, attack_steps=2)
IMAGE = Scenario("i", "adaptive", 0.02, attack_steps=2)


@pytest.mark.parametrize("scenario", [Scenario("clean"), KSPACE, IMAGE])
def test_the_scan_with_lesions_meets_what_evaluations_meet(scenario):
    pair, net = planted(dtype=torch.complex64), network("smug")
    outcome = lesion_trial.observe(net, pair, scenario, seed=3)
    _, x = reconstruct(net, pair.scan, scenario, seed=3)
    torch.testing.assert_close(outcome.x, x)
    _, other = reconstruct(net, pair.scan, scenario, seed=4)
    assert not torch.allclose(outcome.x, other)


@pytest.mark.parametrize("scenario", [KSPACE, IMAGE])
def test_both_scans_bear_one_perturbation(scenario):
    """Of a linear reconstruction it cancels in the difference, in absolute units."""
    pair = at_the_peak()
    clean, attacked = (
        lesion_trial.observe(ZeroFilled(), pair, each) for each in (Scenario("clean"), scenario)
    )
    differences = [pair.factor * each.x - each.free for each in (clean, attacked)]
    torch.testing.assert_close(*differences)
    assert (attacked.free - clean.free).abs().max() > 1e-3


def test_without_lesions_left_both_reconstructions_are_one():
    """A lesion too weak to see: the same noise leaves the same image."""
    found = scan(dtype=torch.complex64)
    pair = plant(found, [Lesion(24, 24, 2.0, 1e-7)])
    outcome = lesion_trial.observe(network("smug"), pair, Scenario("clean"))
    torch.testing.assert_close(outcome.x, outcome.free, rtol=0, atol=1e-5)


def test_spreads_are_of_all_samples_of_the_network():
    pair, few = planted(dtype=torch.complex64), Scenario("clean", n_samples=1)
    for method in ("modl", "smug"):
        net = network(method)
        x, spread = lesion_trial.with_spread(
            net, pair, lesion_trial.observe(net, pair, few, seed=3), seed=3
        )
        torch.testing.assert_close(x, lesion_trial.observe(net, pair, Scenario("clean"), seed=3).x)
        assert (spread is None) == (method == "modl")
    assert spread.shape == pair.scan.target.shape and spread.min() > 0


def test_a_footprint_is_what_the_lesion_adds_to_the_measurement():
    pair = planted(n_lesions=2)
    apart = [footprint(pair, lesion) for lesion in (0, 1)]
    for lesion, size in zip(pair.lesions, apart, strict=True):
        change = pair.free.target * lesion.contrast * lesion.profile(SIZE, SIZE)
        added = pair.free.operator.forward(change)
        assert size == pytest.approx((added.norm() / pair.free.kspace.norm()).item())
    assert apart[0] != apart[1]


# --- attackers who want the lesion ----------------------------------------------------------------


@pytest.mark.parametrize("contrast", [0.5, -0.5])
@pytest.mark.parametrize("aim", ["erase", "create"])
def test_an_aimed_attack_on_the_zero_filled_image_does_the_most_that_its_ball_allows(aim, contrast):
    """Each pixel's magnitude moves by ε (|cos φ| + |sin φ|) at most, in disc and annulus."""
    pair, epsilon = planted(contrast=contrast), 1e-4
    scenario = Scenario("aimed", "adaptive", epsilon, attack_steps=8)
    clean, attacked = (
        lesion_trial.observe(ZeroFilled(), pair, each, aim=aim)
        for each in (Scenario("clean"), scenario)
    )
    before, after = (
        getattr(outcome, "x" if aim == "erase" else "free") for outcome in (clean, attacked)
    )
    phase = torch.view_as_real(before / before.abs())[0].abs().sum(-1)
    most = sum((phase * mask[0]).sum() / mask[0].sum() for mask in (pair.discs, pair.annuli))
    shift = [mean_in(image[0].abs(), pair.discs[0]) - mean_in(image[0].abs(), pair.annuli[0])
             for image in (before, after)]  # fmt: skip
    wanted = math.copysign(1, contrast) * (-1 if aim == "erase" else 1)
    # The magnitude is linear in the perturbation up to ε over the magnitude, below 1e-3 here.
    assert (shift[1] - shift[0]).item() == pytest.approx(wanted * epsilon * most.item(), rel=5e-3)


def test_an_aimed_attack_finds_more_than_one_on_the_error():
    pair, net = planted(dtype=torch.complex64), network("smug")
    scenario = Scenario("k", "kspace", 0.05, attack_steps=4)
    found = {aim: lesion_trial.observe(net, pair, scenario, aim=aim) for aim in AIMS}
    measured = {aim: lesion_trial.measures(pair, outcome).iloc[0] for aim, outcome in found.items()}
    assert measured["erase"]["apparent"] < measured["error"]["apparent"] - 0.05
    assert measured["create"]["false"] > measured["error"]["false"] + 0.05
    errors = {aim: (o.x - pair.scan.target).norm() for aim, o in found.items()}
    assert errors["error"] > errors["erase"]


def test_the_attack_that_creates_never_sees_the_lesion():
    """Its perturbation, in units of the scan without lesions, is one found on that scan alone."""
    pair, net = at_the_peak(torch.complex64), network()
    scenario = Scenario("i", "adaptive", 0.02, attack_steps=2)
    found = lesion_trial.observe(net, pair, scenario, aim="create", seed=5)
    other = plant(pair.free, [replace(pair.lesions[0], contrast=0.01)])
    torch.testing.assert_close(
        lesion_trial.observe(net, other, scenario, aim="create", seed=5).free, found.free
    )
    clean = pair.scan.operator.adjoint(pair.scan.kspace)
    assert (pair.factor * (found.z - clean)).abs().max() <= 0.02 * 2**0.5 * 1.001


def test_impossible_aims_are_refused():
    with pytest.raises(ValueError, match="aim must be one of"):
        objective(planted(), "hide")
    with pytest.raises(ValueError, match="lesion must be < 2, got 2"):
        objective(planted(), "erase", lesion=2)
    assert objective(planted(), "error") is None


def test_a_scenario_of_another_rate_is_refused():
    with pytest.raises(ValueError, match="must leave sampling_rate to the scan"):
        lesion_trial.observe(network(), planted(), Scenario("half", sampling_rate=0.5))


def test_measures_name_the_lesion():
    pair = planted(seed=5)
    rows = lesion_trial.measures(
        pair, lesion_trial.Outcome(pair.scan.target, pair.free.target, pair.scan.target)
    )
    assert rows[["split", "subject", "slice", "lesion"]].values.tolist() == [
        ["test", 5, 5, 0],
        ["test", 5, 5, 1],
    ]
    np.testing.assert_allclose(rows[["recovery", "false", "apparent"]], [[1, 0, 1]] * 2, atol=1e-9)
