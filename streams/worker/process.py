"""Which process is meant: a number alone is another's in another container, or a moment later."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

__all__ = ["ProcessId", "identify"]

_STARTED = 19  # among the fields behind the name in /proc/PID/stat: ticks from the start of the machine (proc(5))


class ProcessId(NamedTuple):
    """One process of one run of one machine."""

    boot: str
    pid: int
    started: int


def identify(pid: int | None = None) -> ProcessId | None:
    """This process, or the one that has a number here; None where there is none, or no Linux."""
    number = os.getpid() if pid is None else pid
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # The name may hold spaces and brackets: what counts begins behind its last one.
        told = Path(f"/proc/{number}/stat").read_bytes().rpartition(b")")[2].split()
        return ProcessId(boot, number, int(told[_STARTED]))
    except (OSError, ValueError, IndexError):
        return None
