"""Searches bytes on disk for canaries: unique tokens that were sent, and must (or must not) be found again.

A canary is looked for as it is, in base64 at all three alignments, in hexadecimal and as UTF-16, both byte orders;
files compressed with gzip are also read decompressed.
"""

from __future__ import annotations

import base64
import gzip
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Hit", "Scanned", "canary", "forms", "scan"]

CHUNK = 1 << 22


class Hit(NamedTuple):
    """A canary that was found: which, in which file, in which form."""

    canary: str
    path: Path
    form: str


class Scanned(NamedTuple):
    """What a search looked at and found."""

    files: int
    size: int
    hits: tuple[Hit, ...]
    unreadable: tuple[Path, ...]


def canary() -> str:
    """A token that occurs nowhere else: `canary-` and 32 hexadecimal digits of randomness."""
    return f"canary-{secrets.token_hex(16)}"


def forms(token: str) -> dict[str, bytes]:
    """The byte strings that give a token away, by name of the form.

    In base64, a token that starts 0, 1 or 2 bytes into a group of three reads differently; the characters that its
    neighbours share in are cut off at both ends.
    """
    raw = token.encode()
    found = {
        "raw": raw,
        "hex": raw.hex().encode(),
        "utf-16-le": token.encode("utf-16-le"),
        "utf-16-be": token.encode("utf-16-be"),
    }
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        whole = (shift + len(raw)) // 3 * 4
        found[f"base64+{shift}"] = encoded[(0, 2, 3)[shift] : whole]
    return found


def scan(folders: Iterable[Path], tokens: Iterable[str]) -> Scanned:
    """Search every file under the folders for every token in every form. Files that cannot be read are named."""
    needles = [(token, name, needle) for token in tokens for name, needle in forms(token).items()]
    overlap = max((len(needle) for _, _, needle in needles), default=1) - 1
    files, size, hits, unreadable = 0, 0, set[Hit](), list[Path]()
    for path in _files(folders):
        files += 1
        try:
            for chunk in _chunks(path, overlap):
                size += len(chunk)
                hits.update(Hit(token, path, name) for token, name, needle in needles if needle in chunk)
        except (OSError, EOFError, zlib.error):
            unreadable.append(path)
    return Scanned(files, size, tuple(sorted(hits)), tuple(unreadable))


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for root, _, names in os.walk(folder):
            for name in sorted(names):
                path = Path(root, name)
                if path.is_file() and not path.is_symlink():
                    yield path


def _chunks(path: Path, overlap: int) -> Iterator[bytes]:
    """The file's bytes, then those inside its gzip, in pieces that overlap so that no needle falls between two."""
    openers = [open]
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    if zipped:
        openers.append(gzip.open)  # type: ignore[arg-type]
    for opener in openers:
        with opener(path, "rb") as stream:
            tail = b""
            while piece := stream.read(CHUNK):
                yield tail + piece
                tail = (tail + piece)[-overlap:]
