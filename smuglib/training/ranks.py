"""Several processes that train one network, each on its share of every batch.

Where `torchrun` started them and `torch.distributed.init_process_group` was called, they work
together; a process alone is the first of one, and nothing here costs it anything.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, distributed


def place() -> tuple[int, int]:
    """Return this process's number, and how many work together."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def is_first() -> bool:
    """Return whether this process is the one that writes."""
    return place()[0] == 0


def average(tensors: Iterable[Tensor]) -> None:
    """Replace tensors, in place, by their means over all processes: one message for all."""
    _, n_processes = place()
    found = list(tensors)
    if n_processes == 1 or not found:
        return
    flat = torch.cat([tensor.flatten() for tensor in found])
    distributed.all_reduce(flat)
    parts = flat.div_(n_processes).split([tensor.numel() for tensor in found])
    for tensor, part in zip(found, parts, strict=True):
        tensor.copy_(part.view_as(tensor))


def any_of(flag: bool, device: torch.device) -> bool:
    """Return on every process whether the flag is up on one of them."""
    if place()[1] == 1:
        return flag
    shared = torch.tensor(float(flag), device=device)
    distributed.all_reduce(shared, distributed.ReduceOp.MAX)
    return bool(shared)


def wait() -> None:
    """Wait until all processes are here."""
    if place()[1] > 1:
        distributed.barrier()
