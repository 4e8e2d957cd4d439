"""The core works where torch, numpy, scipy and safetensors are all that is installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

OPTIONAL = (
    "cachetools",
    "h5py",
    "matplotlib",
    "nibabel",
    "nilearn",
    "pandas",
    "PIL",
    "sigpy",
    "skimage",
    "tqdm",
)
BLOCKED = f"import sys\nfor name in {OPTIONAL}:\n    sys.modules[name] = None\n"

ATTACK_ONE_SLICE = """
import torch
import smuglib as sl
from smuglib.random import complex_normal, generator

mask = sl.sampling.cartesian_mask(32, 0.5, generator=generator(0, "mask"))
like = torch.zeros((), dtype=torch.complex64)
maps = complex_normal((1, 2, 32, 32), 1.0, generator(0, "maps"), like)
A = sl.SenseOperator(maps / maps.abs().square().sum(1, keepdim=True).sqrt(), mask)
target = complex_normal((1, 32, 32), 0.3, generator(0, "target"), like)
z = A.adjoint(A.forward(target))
net = sl.load("smug")
assert sl.DataConsistency(A, 1.0)(z, z).shape == z.shape
noise = generator(0, "attack")
attacked = sl.attacks.pgd(net, z, A, target, epsilon=0.01, n_steps=1, generator=noise)
x = net(attacked, A, generator=generator(0, "score"))
assert sl.metrics.psnr(x, target).isfinite().all()
assert sl.metrics.ssim(x, target).isfinite().all()
assert sl.metrics.nmse(x, target).isfinite().all()
"""


def run(code):
    return subprocess.run([sys.executable, "-c", BLOCKED + code], capture_output=True, text=True)


def test_an_attack_needs_no_optional_package():
    done = run(ATTACK_ONE_SLICE)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("use", "extra"),
    [
        ("sl.data.BrainDataset('test', 1)", "data"),
        ("from smuglib.data.template import template; template()", "data"),
        ("sl.data.load_slice('volume.h5', 0)", "fastmri"),
    ],
)
def test_what_needs_one_names_its_extra(use, extra):
    done = run(f"import smuglib as sl\n{use}")
    assert done.returncode != 0
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("ImportError: ")
    assert message.endswith(f"install it with: pip install 'smuglib[{extra}]'")
