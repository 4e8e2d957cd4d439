"""Places of lesions, drawn where there is tissue."""

from dataclasses import replace

import torch
from scipy.ndimage import binary_erosion
from torch import Tensor

from smuglib import checks
from smuglib.analysis.lesions.shape import Lesion


def draw(
    target: Tensor,
    n_lesions: int,
    *,
    radius: float,
    contrast: float,
    edge: float = 0.5,
    tissue: float = 0.25,
    generator: torch.Generator,
) -> tuple[Lesion, ...]:
    """Draw lesions well inside tissue, none of which touches the surroundings of another.

    Every pixel up to the outer edge of a lesion's annulus lies in the image and has a magnitude of
    at least ``tissue * max |t|``; each such place is equally likely. The first of more lesions are
    those of fewer. Without room for so many it is a ValueError.

    Parameters
    ----------
    target
        The image to place them in, complex, ``[1, height, width]``.
    radius, contrast, edge
        See `Lesion`.
    tissue
        Least magnitude around a lesion, relative to the image's largest, in (0, 1].

    Examples
    --------
    >>> noise = torch.Generator().manual_seed(0)
    >>> len(draw(torch.ones(1, 48, 48) + 0j, 2, radius=2, contrast=0.2, generator=noise))
    2
    """
    checks.finite("target", checks.complex_tensor("target", target, n_axes=(3,)))
    n_lesions = checks.integer("n_lesions", n_lesions)
    tissue = checks.fraction("tissue", tissue)
    checks.generator("generator", generator)
    if target.shape[0] != 1:
        raise ValueError(f"target must be a batch of one, got {target.shape[0]}")
    model = Lesion(0, 0, radius, contrast, edge)
    places = _places(target, model, tissue)
    found: list[Lesion] = []
    for _ in range(n_lesions):
        if not len(places):
            raise ValueError(
                f"there is room for {len(found)} lesions of radius {radius:g} pixels here, "
                f"not for n_lesions = {n_lesions}"
            )
        chosen = int(torch.randint(len(places), (), generator=generator, device="cpu"))
        row, column = places[chosen].tolist()
        found.append(replace(model, row=row, column=column))
        apart = (places - places[chosen]).double().norm(dim=1) > model.outer + model.inner
        places = places[apart]
    return tuple(found)


def _places(target: Tensor, model: Lesion, tissue: float) -> Tensor:
    """Return the centres around which all is tissue, int64, ``[place, 2]``."""
    magnitude = target[0].abs().cpu()
    if model.outer >= min(magnitude.shape):
        raise ValueError(
            f"radius {model.radius:g} with edge {model.edge:g} must fit an image of "
            f"{tuple(magnitude.shape)}"
        )
    inside = magnitude >= tissue * magnitude.max()
    reach = int(model.outer)
    size = 2 * reach + 1
    around = replace(model, row=reach, column=reach)._distance(size, size) <= model.outer
    # What lies outside the image counts as no tissue.
    return torch.from_numpy(binary_erosion(inside.numpy(), around.numpy())).nonzero()
