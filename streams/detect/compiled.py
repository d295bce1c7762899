"""Expressions to a Hyperscan database, once a machine: the compiled form is kept in the user's cache folder.

Compiling thousands of phrases takes seconds, loading what was compiled takes a millisecond. The file holds patterns
only, never content. It is used if it belongs to this user or to root, nobody else may write it, and its name and
checksum fit the expressions, the version of Hyperscan and the machine; otherwise the expressions are compiled again,
with the same result.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import hyperscan

__all__ = ["compiled", "database"]

FLAGS = hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_DOTALL
CHECKSUM = 32
KEPT = 12  # databases, of a few megabytes each; two belong to one set of lexicons


def database(expressions: Sequence[bytes], folder: Path | None = None) -> hyperscan.Database:
    """The database of some expressions, whose ids are their places. Raises `hyperscan.error` as the compiler does.

    Of several processes that start together one compiles, the others wait for it.
    """
    folder = folder or _folder()
    if folder is None:
        return compiled(expressions)
    path = folder / f"{_name(expressions)}.hs"
    kept = _read(path)
    if kept is None:
        with _alone(path):
            kept = _read(path)
            if kept is None:
                kept = compiled(expressions)
                _write(path, hyperscan.dumpb(kept))
    return kept


def compiled(expressions: Sequence[bytes]) -> hyperscan.Database:
    """The database of some expressions, made here and now."""
    made = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    made.compile(
        expressions=list(expressions),
        ids=list(range(len(expressions))),
        elements=len(expressions),
        flags=[FLAGS] * len(expressions),
    )
    return made


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time, where the folder can be written; elsewhere each works for itself."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("wb")
    except OSError:
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # closing the file lets go of it
        yield


def _folder() -> Path | None:
    try:
        return Path.home() / ".cache" / "compliance-streams"
    except RuntimeError:  # a user without a home keeps nothing
        return None


def _name(expressions: Sequence[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    # Says version and the features of this processor for which it compiles.
    digest.update(f"{compiled([b'a']).info()!r} {platform.machine()} {FLAGS}".encode())
    for expression in expressions:
        digest.update(len(expression).to_bytes(4, "big") + expression)
    return digest.hexdigest()


def _read(path: Path) -> hyperscan.Database | None:
    """What is kept, or None where there is nothing that can be trusted."""
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            if about.st_uid not in (0, os.geteuid()) or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return None
            data = file.read()
    except OSError:
        return None
    if data[:CHECKSUM] != _checksum(data[CHECKSUM:]):
        return None
    try:
        return hyperscan.loadb(data[CHECKSUM:], hyperscan.HS_MODE_BLOCK)
    except hyperscan.error:
        return None


def _write(path: Path, data: bytes) -> None:
    """Keep it if the folder can be written. A reader sees a whole file or none."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(_checksum(data) + data)
        Path(name).replace(path)
        _forget(path.parent)
    except OSError:
        return  # a cache that cannot be kept costs time alone


def _forget(folder: Path) -> None:
    """Of what older lexicons left, the latest stay."""
    kept = sorted(folder.glob("*.hs"), key=lambda path: path.stat().st_mtime)
    for path in kept[:-KEPT]:
        path.unlink(missing_ok=True)
        path.with_suffix(".lock").unlink(missing_ok=True)


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=CHECKSUM).digest()
