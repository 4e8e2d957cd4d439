"""BART: ``bart pics`` in its own processes, their start-up subtracted.

``pics`` minimizes ``||A u - k||^2 + ||u||^2`` by conjugate gradients from zero. With
``k = y - A d`` its minimizer is ``u = x - d``, where ``(A^H A + I) x = A^H y + d``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import weakref
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smugbench.cases import TARGET_RESIDUAL, System
from smugbench.peers import Builders, MissingPeerError, Peer
from smugbench.timing import Work

MAX_ITER = 50

_N_DIMENSIONS = 16

_program = shutil.which("bart")


if _program is None:
    raise MissingPeerError("no program bart on PATH", name="bart")


def bart_solves(system: System) -> Builders:
    """Return the builders: one image per run, and all along BART's time dimension in one run."""
    threads = {1, torch.get_num_threads()}
    return {
        f"BART pics, {layout}, {n} thread{'s' * (n > 1)}": partial(_Pics.work, system, joint, n)
        for layout, joint in (("looped", False), ("joint", True))
        for n in sorted(threads)
    }


class _Pics:
    """Runs of ``bart pics`` on files of its own, removed with the object."""

    def __init__(self, system: System, joint: bool, threads: int) -> None:
        self._system, self._threads = system, threads
        self._folder = Path(tempfile.mkdtemp(prefix="smuglib-bart-"))
        weakref.finalize(self, shutil.rmtree, self._folder)
        A, d = system.operator, system.denoised
        # BART's dimensions: 0 to 2 space, 3 coils, 10 time; the first is the fastest in memory.
        kspace = (system.kspace.unsqueeze(1) - A.forward(d))[0].numpy()
        n, coils, height, width = kspace.shape
        mask = A.mask[0, 0].expand(height, width).numpy()
        self._write("maps", A.maps[0].numpy()[:, None])
        groups = [kspace] if joint else list(kspace[:, None])
        for number, group in enumerate(groups):
            self._write(f"kspace{number}", group.reshape(-1, *(1,) * 6, coils, 1, height, width))
        # pics wants the sampling pattern in every dimension of k-space but the coils'.
        self._write("pattern", np.tile(mask, (len(groups[0]), *(1,) * 8, 1, 1)))
        self._n_groups = len(groups)

    @classmethod
    def work(cls, system: System, joint: bool, threads: int) -> Work:
        """Return the work at the fewest iterations that are accurate enough."""
        pics, first = cls(system, joint, threads), cls(_first_image(system), False, 1)
        n_iterations, _ = first.search(1)
        # The others hardly ever need more than the first.
        n_iterations, residual = pics.search(n_iterations)
        # Twice the iterations are timed, less the start-up: the difference of two processes is
        # small beside either. Far more would stop early, all being zero.
        return Work(
            partial(pics.run, 2 * n_iterations),
            start_up=partial(pics.run, 1),
            factor=n_iterations / (2 * n_iterations - 1),
            accuracy=residual,
            peak_bytes=partial(pics.peak_bytes, n_iterations),
        )

    def search(self, start: int) -> tuple[int, float]:
        """Return the fewest iterations from ``start`` on that are accurate, and the residual."""
        for n_iterations in range(start, MAX_ITER):
            self.run(n_iterations)
            residual = self._system.residual(self.solution())
            if residual <= TARGET_RESIDUAL:
                return n_iterations, residual
        raise RuntimeError(f"bart pics stays at a relative residual of {residual:.1e}")

    def run(self, n_iterations: int) -> None:
        """Solve for every image with a given number of iterations."""
        for number in range(self._n_groups):
            with self._started(n_iterations, number) as process:
                _, errors = process.communicate()
            if process.returncode:
                raise RuntimeError(f"bart pics failed: {errors.decode(errors='replace').strip()}")

    def peak_bytes(self, n_iterations: int) -> int:
        """Return the peak of the resident set of a run's process."""
        # A short run may end between two looks at it: several are watched.
        return max(self._watched(n_iterations) for _ in range(5))

    def _watched(self, n_iterations: int) -> int:
        """Return the highest resident set seen while one process ran."""
        highest = 0
        with self._started(n_iterations, 0) as process:
            status = Path(f"/proc/{process.pid}/status")
            while process.poll() is None:
                # The peak never falls, so the last look before the end tells it.
                for line in status.read_text(encoding="ascii").splitlines():
                    if line.startswith("VmHWM"):
                        highest = max(highest, 1024 * int(line.split()[1]))
        return highest

    def solution(self) -> Tensor:
        """Return what the last run found, ``[1, sample, height, width]``."""
        shape = self._system.denoised.shape
        parts = [self._read(f"solution{number}") for number in range(self._n_groups)]
        found = np.stack(parts).reshape(shape)
        return torch.from_numpy(found) + self._system.denoised

    def _started(self, n_iterations: int, number: int) -> subprocess.Popen[bytes]:
        options = f"-l2 -r 1 -w 1 -i {n_iterations} -p pattern"
        return subprocess.Popen(
            f"{_program} pics {options} kspace{number} maps solution{number}".split(),
            cwd=self._folder,
            env={**os.environ, "OMP_NUM_THREADS": str(self._threads)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def _write(self, name: str, array: NDArray[np.generic]) -> None:
        dimensions = [*reversed(array.shape), *(1,) * (_N_DIMENSIONS - array.ndim)]
        header = "# Dimensions\n" + " ".join(map(str, dimensions)) + "\n"
        Path(self._folder, f"{name}.hdr").write_text(header, encoding="utf-8")
        array.astype(np.complex64).tofile(Path(self._folder, f"{name}.cfl"))

    def _read(self, name: str) -> NDArray[np.complex64]:
        return np.fromfile(Path(self._folder, f"{name}.cfl"), np.complex64)


def _first_image(system: System) -> System:
    return System(system.operator, system.kspace, system.denoised[:, :1])


def _version() -> str:
    output = subprocess.run([_program or "bart", "version"], capture_output=True, text=True)
    return output.stdout.strip()


PEER = Peer(_version(), bart_solves, is_python=False)
