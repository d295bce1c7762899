"""Keeps the memory of a process that sees content or keys off the disk."""

from __future__ import annotations

import ctypes
import logging
import resource
import sys

__all__ = ["end_with_parent", "harden"]

log = logging.getLogger(__name__)
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_SIGTERM = 15


def harden() -> None:
    """No core dumps, and not dumpable: other processes of the same user cannot attach. Where the system has no such
    switch (`prctl` is Linux's), the core limit alone holds, and that is logged."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not _prctl(_PR_SET_DUMPABLE, 0):
        log.warning("this system cannot mark a process as not dumpable: keep debuggers away from it by other means")


def end_with_parent() -> None:
    """Be sent SIGTERM when the parent dies, so that a killed supervisor leaves no worker behind."""
    _prctl(_PR_SET_PDEATHSIG, _SIGTERM)


def _prctl(option: int, value: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0)
