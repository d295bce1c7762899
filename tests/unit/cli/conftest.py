"""What every test of the command line leaves as it was."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("streams")
    before = root.handlers[:], root.level, ours.level, threading.excepthook
    hooks = sys.excepthook, sys.unraisablehook
    yield
    root.handlers[:], level, our_level, threading.excepthook = before
    sys.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(False)
    logging.raiseExceptions = True
    root.setLevel(level)
    ours.setLevel(our_level)
