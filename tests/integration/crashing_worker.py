"""A worker whose detectors end its process on a marked text, as a fault in native code does. For tests alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from streams.detect import load_detectors
from streams.model import Content, Detection
from streams.pipeline import Detectors
from streams.settings import load
from streams.worker import app

__all__ = ["FATAL"]

FATAL = "[[made up: no worker survives this]]"


class Fragile:
    """The real detectors, with a weak spot."""

    def __init__(self, real: Detectors) -> None:
        self.digest = real.digest
        self._real = real

    def detect(self, contents: Sequence[Content]) -> list[Detection]:
        if any(FATAL in message.text for content in contents for message in content.messages):
            os.kill(os.getpid(), signal.SIGSEGV)
        return self._real.detect(contents)


if __name__ == "__main__":
    setattr(app, "load_detectors", lambda: Fragile(load_detectors()))  # noqa: B010 - the type checker knows the name
    app.run(load())
