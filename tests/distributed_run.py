"""Protect as `cloak protect` does, with a short attack; run by tests as a process of its own."""

import argparse
import json
import sys
import threading

import torch

from cloak.config import AttackConfig, FacePolicy, ProtectConfig
from cloak.distributed.planning import prepare

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("paths", nargs="+")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--address")
    parser.add_argument("--engine", choices=["plain", "ray"], default="plain")
    parser.add_argument("--faces", choices=["all", "none"], default="all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    # Batches of one: faces of a batch round differently in other company, and which photos meet is a matter of chance.
    config = ProtectConfig(
        attack=AttackConfig(steps=1, looks=0), batch=1, jobs=1, device="cpu", faces=FacePolicy(options.faces)
    )
    work = prepare(options.paths, options.output, config)
    if options.engine == "ray":
        from cloak.distributed import engine

        found = engine.protect(work, references=None, manifest=True, address=options.address, stop=threading.Event())
    else:
        from cloak.distributed import inline

        found = inline.protect(work, references=None, manifest=True, stop=threading.Event())
    seen = [(index, work.told(index, outcome)) for index, outcome in found]
    assert len({index for index, _ in seen}) == len(seen) == len(work.tasks), "not once each"
    json.dump({str(one.source).rpartition("/")[2]: str(one.status) for _, one in seen}, sys.stdout)
