"""A decoder that some photos take down, as a decoder with a bug would be; run by processes that the tests start."""

import ctypes
import time

import numpy as np

from cloak.image import raster, worker

honest = raster.read


def read(data, *, max_pixels):
    if b"segfault" in data:
        ctypes.string_at(0)
    if b"bomb" in data:
        return [np.ones(1 << 27, np.uint8) for _ in range(1000)]
    if b"endless" in data:
        while True:
            pass
    if b"asleep" in data:
        time.sleep(1000)
    if b"exits" in data:
        raise SystemExit(3)
    return honest(data, max_pixels=max_pixels)


raster.read = read


def main():
    worker.main()
