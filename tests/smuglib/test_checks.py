"""Argument checks return what they accept, and name what they refuse."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from smuglib import checks

NAN, INF = float("nan"), float("inf")
COMPLEX = torch.zeros(2, 3, 4, dtype=torch.complex64)


@pytest.mark.parametrize(
    ("check", "accepted", "refused", "allowed"),
    [
        (
            checks.real_number,
            [0, -1, 2.5, np.float32(1.5), np.array(3)],
            [],
            "a finite real number",
        ),
        (checks.positive, [1, 1e-30, torch.tensor(2.5), Fraction(1, 2)], [0, -1, -0.0], "> 0"),
        (checks.non_negative, [0, 1, 0.5], [-1, -1e-300], ">= 0"),
        (checks.fraction, [1, 0.25, 1e-9], [0, -0.1, 1.0001], r"lie in \(0, 1\]"),
    ],
)
def test_numbers(check, accepted, refused, allowed):
    for value in accepted:
        assert check("rate", value) == value
        assert type(check("rate", value)) is float
    for value in refused:
        with pytest.raises(ValueError, match=f"rate must (be )?{allowed}, got {value!r}"):
            check("rate", value)
    refused = [NAN, INF, -INF, True, "1", None, 1j, [1], np.bool_(True), torch.tensor([1.0])]
    refused += [torch.tensor(NAN), torch.tensor(True), np.array("1"), 10**400]
    for value in refused:
        with pytest.raises(ValueError, match="rate must be a finite real number, got"):
            check("rate", value)
    for value in (1e39, 10**400):
        with pytest.raises(ValueError, match="rate must be a finite real number, got"):
            check("rate", value)


def test_numbers_that_single_precision_rounds_to_zero_are_not_positive():
    for check in (checks.positive, checks.fraction):
        with pytest.raises(ValueError, match="rate must .*, got 1e-320"):
            check("rate", 1e-320)


def test_fraction_with_zero():
    assert checks.fraction("rate", 0, allow_zero=True) == 0
    with pytest.raises(ValueError, match=r"rate must lie in \[0, 1\], got -1"):
        checks.fraction("rate", -1, allow_zero=True)


def test_integer():
    assert checks.integer("n", 1) == 1
    assert checks.integer("n", 0, minimum=0) == 0
    for value in [np.int64(2), np.uint8(2), np.array(2), torch.tensor(2), torch.tensor(2).short()]:
        assert checks.integer("n", value) == 2
        assert type(checks.integer("n", value)) is int
    for value in [0, -3, 1.0, "1", True, None, NAN, np.bool_(True), torch.tensor(True), [1]]:
        with pytest.raises(ValueError, match="n must be an integer >= 1, got"):
            checks.integer("n", value)
    for value in [torch.tensor(2.0), np.array([2]), torch.zeros((), device="meta")]:
        with pytest.raises(ValueError, match="n must be an integer >= 1, got"):
            checks.integer("n", value)
    with pytest.raises(
        ValueError, match=r"n must be an integer < 2\*\*63, got 1180591620717411303424"
    ):
        checks.integer("n", 2**70)


def test_boolean():
    assert checks.boolean("flag", False) is False
    assert (
        checks.boolean("flag", np.bool_(True)) is checks.boolean("flag", torch.tensor(True)) is True
    )
    for value in ["false", 0, 1, None]:
        with pytest.raises(ValueError, match="flag must be True or False, got"):
            checks.boolean("flag", value)


def test_one_of():
    assert checks.one_of("mode", "a", ("a", "b")) == "a"
    assert checks.one_of("mode", "b", iter(("a", "b"))) == "b"
    for value in ["c", "", None, 1, ["a"]]:
        with pytest.raises(ValueError, match="mode must be one of 'a', 'b', got"):
            checks.one_of("mode", value, ("a", "b"))


def test_generator():
    source = torch.Generator()
    assert checks.generator("generator", source) is source
    for value in [None, 0, np.random.default_rng(0)]:
        with pytest.raises(TypeError, match="generator must be a torch.Generator, got"):
            checks.generator("generator", value)


def test_complex_tensor():
    assert checks.complex_tensor("x", COMPLEX, n_axes=(3,)) is COMPLEX
    for value in [None, 1j, np.zeros((2, 3, 4), dtype=complex)]:
        with pytest.raises(TypeError, match="x must be a torch.Tensor, got"):
            checks.complex_tensor("x", value, n_axes=(3,))
    for value in [
        COMPLEX.real,
        COMPLEX.real.int(),
        COMPLEX.real.bool(),
    ]:
        with pytest.raises(TypeError, match=r"x must be complex \(complex64 or complex128\), got"):
            checks.complex_tensor("x", value, n_axes=(3,))
    with pytest.raises(ValueError, match=r"x must have 2 or 4 axes, got shape \(2, 3, 4\)"):
        checks.complex_tensor("x", COMPLEX, n_axes=(2, 4))


def test_masks_of_zeros_and_ones_are_boolean_ones():
    expected = torch.tensor([True, False])
    for dtype in (torch.bool, torch.float32, torch.float64, torch.uint8, torch.int64):
        assert torch.equal(checks.mask("mask", expected.to(dtype)), expected)
    for values in ([1.0, 0.5], [2, 0], [-1, 0], [NAN, 0], [1j, 0]):
        with pytest.raises(
            ValueError, match="mask must be boolean, or hold nothing but 0 and 1, got"
        ):
            checks.mask("mask", torch.tensor(values))
    with pytest.raises(TypeError, match=r"mask must be a torch\.Tensor, got ndarray"):
        checks.mask("mask", np.ones(2, bool))


def test_tensors_without_values_are_refused():
    for value in (COMPLEX[:0], COMPLEX.to("meta")):
        with pytest.raises(ValueError, match="x must (not be empty|be dense and hold values), got"):
            checks.complex_tensor("x", value, n_axes=(3,))
    with pytest.raises(ValueError, match="x must be finite, got 1 NaN and 1 infinite of 3 values"):
        checks.finite("x", torch.tensor([NAN, INF, 0]))


def test_objects_functions_sequences_and_paths():
    assert checks.instance("A", 1, int) == 1
    with pytest.raises(TypeError, match="A must be an int, got str"):
        checks.instance("A", "1", int)
    assert checks.function("f", len) is len
    for value in (1, None, int, "f"):
        with pytest.raises(TypeError, match="f must be a function, got"):
            checks.function("f", value)
    assert checks.function("f", lambda x, *, y: x, 1)
    with pytest.raises(TypeError, match="f must take 2 arguments: too many"):
        checks.function("f", torch.nn.Identity(), 2)
    assert checks.members("steps", np.array([1, 2])) == (1, 2)
    assert checks.members("steps", iter([1, 2]), int) == (1, 2)
    for value in (None, 1, "12", {1: 2}, torch.tensor(1), object()):
        with pytest.raises(TypeError, match="steps must be a sequence, got"):
            checks.members("steps", value)
    with pytest.raises(TypeError, match=r"steps\[1\] must be an int, got str"):
        checks.members("steps", [1, "2"], int)
    with pytest.raises(TypeError, match="y must be torch.complex64 as x, got torch.float32"):
        checks.same_dtype("y", COMPLEX.real, "x", COMPLEX)
    assert checks.path("folder", "a") == Path("a")
    with pytest.raises(ValueError, match="folder must be a file, got the folder"):
        checks.path("folder", Path.cwd(), is_new=True)
    for value in (None, 1, "", b"a"):
        with pytest.raises(TypeError, match="folder must be a path, got"):
            checks.path("folder", value)


def test_same_shape():
    assert checks.same_shape("x", COMPLEX, "y", COMPLEX.real) is COMPLEX
    with pytest.raises(
        ValueError, match=r"x must have the shape of y, \(1, 3, 4\), got \(2, 3, 4\)"
    ):
        checks.same_shape("x", COMPLEX, "y", COMPLEX[:1])


def test_device(monkeypatch):
    assert checks.device("device", "cpu") == torch.device("cpu")
    assert checks.device("device", torch.device("cpu")) == torch.device("cpu")
    for value in ["gpu", "", None, 1.5, "cuda:x", "meta"]:
        with pytest.raises(ValueError, match="device must be 'auto', 'cpu', 'cuda' or 'cuda:N'"):
            checks.device("device", value)
    for n_devices, chosen in [(0, "cpu"), (2, "cuda")]:
        monkeypatch.setattr(torch.cuda, "is_available", lambda n=n_devices: n > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda n=n_devices: n)
        assert checks.device("device", "auto") == torch.device(chosen)
        with pytest.raises(ValueError, match=f"'cuda:2', but .* has {n_devices} CUDA devices"):
            checks.device("device", "cuda:2")
    assert checks.device("device", "cuda:1") == torch.device("cuda", 1)
