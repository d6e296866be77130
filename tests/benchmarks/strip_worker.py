"""A long-running worker that strips files through the public interface, for comparisons of many files.

Prints ``ready``; then answers each line ``IN<tab>OUT`` with ``ok``, ``unsup WHY`` (an image of a kind that is not
rewritten) or ``err WHY``. Like the programs that it is compared with, it does not wait for the disk, unless told to:

    python strip_worker.py [--sync]
"""

import sys
from pathlib import Path

from cloak.errors import PhotoError, UnsupportedPhotoError
from cloak.files import Sync
from cloak.image.strip import rewrite

SYNC = Sync.ALL if "--sync" in sys.argv else Sync.NOTHING


def main() -> None:
    """Answer until the input ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        source, _, target = line.rstrip("\n").partition("\t")
        try:
            rewrite(Path(source), Path(target), overwrite=True, sync=SYNC)
            answer = "ok"
        except PhotoError as error:
            answer = f"{'unsup' if isinstance(error, UnsupportedPhotoError) else 'err'} {error}"
        print(answer.replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
