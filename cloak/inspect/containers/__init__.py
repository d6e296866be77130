"""Find the blocks of metadata in each container: one module a container, each with ``read(data, notes)``.

These readers follow damaged files as far as decoders do. What they cannot follow goes into the notes, so that the
answer is never "nothing found" where something was not looked at.
"""

from importlib import import_module

from cloak.container import Container
from cloak.image.buffers import Buffer
from cloak.inspect.finding import Notes

_MODULES = {Container.HEIC: "isobmff", Container.AVIF: "isobmff"}
"""Where the module is not named after the container."""


def read(container: Container, data: Buffer, notes: Notes) -> None:
    """Write down what a file says, whatever container it is."""
    with notes.reading("the file"):
        import_module(f"{__name__}.{_MODULES.get(container, container)}").read(data, notes)


__all__ = ["read"]
