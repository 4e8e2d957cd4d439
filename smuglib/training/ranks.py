"""Several processes that train one network, each on its share of every batch.

Where `torchrun` started them, they work together within `together`, in the same folders, to which
the first alone writes. A process alone is the first of one, and nothing here costs it anything.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, distributed

from smuglib import checks
from smuglib.random import PerScan, Sampler, draw, repeatable


def n_launched() -> int:
    """Return how many processes `torchrun` started, on all machines; 1 without it."""
    if distributed.is_available() and distributed.is_torchelastic_launched():
        return int(os.environ["WORLD_SIZE"])
    return 1


@contextmanager
def together(device: torch.device) -> Iterator[torch.device]:
    """Let the processes that `torchrun` started work together; give this one's device."""
    is_gpu, is_shared = device.type == "cuda", n_launched() > 1
    if is_shared and is_gpu:
        device = checks.device("device", f"cuda:{os.environ['LOCAL_RANK']}")
        torch.cuda.set_device(device)
    # A process can join the others but once: the launcher's store remembers it.
    begins = is_shared and not distributed.is_initialized()
    if begins:
        backend = "nccl" if is_gpu else "gloo"
        distributed.init_process_group(backend, device_id=device if is_gpu else None)
    yield device
    # Not after an error: it would wait for the others, who wait for this process to train on.
    if begins:
        distributed.destroy_process_group()


def place() -> tuple[int, int]:
    """Return this process's number, and how many work together."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def is_first() -> bool:
    """Return whether this process is the one that writes."""
    return place()[0] == 0


def share(batch: int) -> slice:
    """Return which rows of a batch are this process's."""
    number, n_processes = place()
    if batch % n_processes:
        raise ValueError(
            f"batch must be a multiple of the number of processes, {n_processes}, got {batch}"
        )
    size = batch // n_processes
    return slice(number * size, (number + 1) * size)


class Share(PerScan):
    """A generator of a whole batch, of whose draws a process keeps its own rows.

    Examples
    --------
    >>> from smuglib.random import generator
    >>> own = Share(generator(0, "a"), batch=4, rows=slice(2, 4))
    >>> whole = torch.rand(4, 3, generator=generator(0, "a"))
    >>> torch.equal(draw(torch.rand, (2, 3), own), whole[2:])
    True
    """

    def __init__(self, whole: torch.Generator, batch: int, rows: slice) -> None:
        super().__init__([whole])
        self.batch, self.rows = batch, rows

    def __len__(self) -> int:
        return len(range(self.batch)[self.rows])

    def draw(self, sampler: Sampler, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Draw for the whole batch, and keep the own rows."""
        return draw(sampler, (self.batch, *shape[1:]), self.generators[0], dtype)[self.rows]

    def repeatable(self) -> Callable[[], "Share"]:
        """Return what makes this source again."""
        maker = repeatable(self.generators[0])
        return lambda: Share(maker(), self.batch, self.rows)  # type: ignore[arg-type]


def total(tensor: Tensor) -> Tensor:
    """Replace a tensor, in place, by its sum over all processes; return it."""
    if place()[1] > 1:
        distributed.all_reduce(tensor)
    return tensor


def average(tensors: Iterable[Tensor]) -> None:
    """Replace tensors, in place, by their means over all processes: one message for all."""
    _, n_processes = place()
    found = list(tensors)
    if n_processes == 1 or not found:
        return
    flat = total(torch.cat([tensor.flatten() for tensor in found])).div_(n_processes)
    parts = flat.split([tensor.numel() for tensor in found])
    for tensor, part in zip(found, parts, strict=True):
        tensor.copy_(part.view_as(tensor))


def largest(value: float, device: torch.device) -> float:
    """Return on every process the largest of their values."""
    if place()[1] == 1:
        return value
    shared = torch.tensor(value, dtype=torch.float64, device=device)
    distributed.all_reduce(shared, distributed.ReduceOp.MAX)
    return shared.item()


def wait() -> None:
    """Wait until all processes are here."""
    if place()[1] > 1:
        distributed.barrier()


@contextmanager
def first_before_others() -> Iterator[None]:
    """Let the first process through the block, and then the others."""
    if not is_first():
        wait()
    yield
    if is_first():
        wait()
