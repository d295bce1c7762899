"""Avro's numbers: zigzag, seven bits a byte, least first. Small ones are looked up (Avro 1.12, "Binary encoding")."""

from __future__ import annotations

from typing import Final

from streams.model.remembered import Bounded, Remembered

__all__ = ["HIGHER", "LOWEST", "SMALL", "TAKEN", "long_of", "number", "read_long"]

SMALL: Final = 8_192  # numbers from 0 that `TAKEN` holds
_LEAST, _MOST = -(1 << 63), 1 << 63
_LONGEST = 10  # bytes of a number of 64 bits


def _plain(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


TAKEN: Final = tuple(_plain(number << 1) for number in range(SMALL))
_MIDDLE: Final = tuple(bytes((number & 0x7F | 0x80, number >> 7 | 0x80)) for number in range(1 << 14))
_LAST: Final = tuple(_plain(number) for number in range(1 << 14))
LOWEST: Final = tuple(_MIDDLE[number << 1] for number in range(SMALL))  # the first two bytes of a larger number


def _rest_of(rest: int) -> bytes:
    if not 0 < rest < _MOST >> 13:
        raise OverflowError("a number of more than 64 bits")
    return _plain(rest)


# What follows the first two bytes of a positive number, by `number >> 13`: times and offsets that come in a row have it
# in common.
HIGHER: Final[Remembered[int, bytes]] = Remembered(_rest_of)
_SIX: Final[Bounded[bytes, int]] = Bounded()  # what bytes three to six of a number of six bytes add to it


def number(value: int) -> bytes:
    """A number of 64 bits, encoded. `OverflowError` for any other.

    >>> number(1), number(-1), number(64), number(1_700_000_000_000) == _plain(1_700_000_000_000 << 1)
    (b'\\x02', b'\\x01', b'\\x80\\x01', True)
    """
    if not _LEAST <= value < _MOST:
        raise OverflowError("a number of more than 64 bits")
    rest = value << 1 if value >= 0 else ~(value << 1)
    found = b""
    while rest >> 14:
        found += _MIDDLE[rest & 0x3FFF]
        rest >>= 14
    return found + _LAST[rest]


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place behind it. `ValueError` for one of more than 64 bits."""
    first, second = data[at], data[at + 1] if data[at] > 0x7F else 0
    found, place = first & 0x7F | (second & 0x7F) << 7, at + (2 if first > 0x7F else 1)
    if second > 0x7F:
        if (rest := _SIX.get(data[place : place + 4])) is not None:
            found |= rest
            return (found >> 1) ^ -(found & 1), place + 4
        shift = 14
        for byte in data[place : at + _LONGEST]:
            place += 1
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        if data[place - 1] > 0x7F or found >> 64:
            raise ValueError("a number of more than 64 bits, or half of one")
        if place == at + 6:
            _SIX.keep(data[at + 2 : place], found & ~0x3FFF)
    return (found >> 1) ^ -(found & 1), place


def long_of(data: bytes, at: int) -> tuple[int, int]:
    """A length at a place, and the place behind it. `ValueError` for a negative one."""
    length, place = read_long(data, at)
    if length < 0:
        raise ValueError("a negative length")
    return length, place
