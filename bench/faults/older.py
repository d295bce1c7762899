"""`streams …` as the release before the newest schema of receipts had it: reads and writes no newer version of them.

python -m bench.faults.older worker --index 2
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from streams.cli import main
from streams.codec import schemas

__all__ = ["RECORD"]

RECORD = "receipt"


def without_newest(target: Path) -> Path:
    """A copy of the schemas in which the newest version of one record is missing."""
    shutil.copytree(schemas.folder(), target)
    max(target.glob(f"{RECORD}/v*.avsc"), key=lambda path: int(path.stem[1:])).unlink()
    return target


if __name__ == "__main__":
    with TemporaryDirectory(prefix="streams-older-") as name:
        older = without_newest(Path(name) / "schemas")
        setattr(schemas, "folder", lambda: older)  # noqa: B010 - the type checker knows the name
        sys.exit(main())
