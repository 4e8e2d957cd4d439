"""Slices of a folder of fastMRI volumes, split by patient."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from smuglib import checks
from smuglib.data import cache
from smuglib.data.fastmri.acquisition import FastMRIProtocol, slice_of
from smuglib.data.fastmri.patients import from_the_centre, split_patients
from smuglib.data.scan import Scan
from smuglib.data.slices import Slices
from smuglib.data.splits import FRACTIONS, GROUPS, Location


class FastMRIDataset(Slices):
    """Slices of the fastMRI volumes (``.h5``) in a folder, read when first asked for.

    Consecutive indices run over the volumes of the split, from their central slices outwards.
    Volumes with another number of coils, or smaller than the crop, are left out.

    Parameters
    ----------
    split, fractions, split_seed, fill
        The split, of the patients, and arguments of `split_patients`.
    n_slices
        Number of slices, or None for all.
    cache_bytes
        The most memory that scans may take, 0 to keep none; at 320 x 320 and 15 coils one takes
        25 MB. The one used least recently goes first.
    maps_folder, **protocol
        See `load_slice`.
    """

    def __init__(
        self,
        folder: Path | str,
        split: str,
        n_slices: int | None = None,
        *,
        cache_bytes: int = 2 * 2**30,
        fractions: Mapping[str, float] = FRACTIONS,
        split_seed: int = 0,
        fill: bool = False,
        maps_folder: Path | str | None = None,
        **protocol: Any,  # noqa: ANN401
    ) -> None:
        checks.one_of("split", split, GROUPS)
        self.protocol = FastMRIProtocol(**protocol)
        folder = checks.path("folder", folder)
        # macOS lays a hidden "._name.h5" beside each file that it copies to another file system.
        files = sorted(file for file in folder.glob("*.h5") if not file.name.startswith("."))
        if not files:
            raise FileNotFoundError(f"folder {folder} has no .h5 file: expected fastMRI volumes")
        split_seed = checks.integer("split_seed", split_seed, minimum=0)
        members = split_patients(files, fractions, split_seed, fill=fill)[split]
        fitting = [volume for volume in members if self.protocol.misfit(volume) is None]
        slices = from_the_centre(fitting)
        wanted = len(slices) if n_slices is None else checks.integer("n_slices", n_slices)
        if not 0 < wanted <= len(slices):
            raise ValueError(
                f"split {split!r} of {folder} has {len(slices)} slices in {len(fitting)} volumes "
                f"({len(members) - len(fitting)} more do not fit {self.protocol}), "
                f"n_slices asks for {n_slices}"
            )
        self.slices = slices[:wanted]
        self.maps_folder = checks.optional(checks.path, "maps_folder", maps_folder)
        super().__init__(split, wanted, self._read, cache_bytes)

    def locate(self, index: int) -> Location:
        """Return the patient's number, and the slice's in its volume."""
        volume, number = self.slices[index]
        return Location(volume.subject, number)

    def _read(self, index: int) -> Scan:
        volume, number = self.slices[index]
        state = volume.path.stat()
        file = [str(volume.path.absolute()), state.st_size, state.st_mtime_ns]
        name = cache.file_key("fastMRI", asdict(self.protocol), file, number, self.split, index)
        where = self.split, index
        make = partial(slice_of, volume, number, self.protocol, *where, self.maps_folder)
        return cache.kept(name, *where, make)
