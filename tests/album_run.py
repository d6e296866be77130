"""Protect a folder as `cloak protect` does, with a short attack; run by processes that the tests start and kill."""

import sys
from pathlib import Path

import torch

from cloak.album import Album
from cloak.config import AttackConfig, ProtectConfig
from cloak.outcome import Status
from cloak.pipeline import protect
from cloak.sources import find_photos
from cloak.targets import plan

if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, out = map(Path, sys.argv[1:])
    # Batches of one: faces of a batch round differently in other company, and what is left to do is other company.
    config = ProtectConfig(attack=AttackConfig(steps=1, looks=0), batch=1, jobs=1, device="cpu")
    jobs = plan(find_photos([folder], output=out).sources, out)
    out.mkdir(exist_ok=True)
    with Album(out, config) as album:
        outcomes = list(protect(jobs, config, sink=album))
    assert not [one for one in outcomes if one.status is Status.FAILED]
