"""A lack of memory while a photo is worked on is that photo's failure; every other unforeseen error ends the run."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cloak.errors import TooLargeError

_SIGNS = ("can't allocate memory", "not enough memory", "out of memory")
"""What PyTorch says for the CPU, on Linux and Windows, and for Apple's GPUs: it has no exception of its own there."""


def is_shortage(error: BaseException) -> bool:
    """Say whether an error means that there was no memory, and nothing else."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


@contextmanager
def memory_for(what: str) -> Iterator[None]:
    """Turn a lack of memory in the block into the failure of what is worked on.

    Args:
        what: is worked on, such as "the photo".

    Raises:
        TooLargeError: there was too little memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_shortage(error):
            raise
    else:
        return
    # Outside of the handler, which holds on to the memory.
    raise TooLargeError(f"there is not enough memory for {what}: close other programs, use fewer --jobs, or shrink it")
