"""Personal data: e-mail, phone, payment card, identity and account numbers, IP addresses. A trait, not a violation.

The scan finds which kinds a text may hold; Python checks their shape and check digits. Digits are those of ASCII, to
which full-width ones were folded. Sources of the rules: Luhn (ISO/IEC 7812-1), IBAN mod 97 (ISO 13616), resident
identity number check digit (GB 11643), SSN areas never issued (000, 666, 900–999).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from streams.detect.detector import Example, Pattern
from streams.detect.text import Text
from streams.model import INDEX, Finding

__all__ = ["PersonalDataDetector", "luhn", "resident_number"]


def luhn(number: str) -> bool:
    """Whether a number of digits has the check digit of ISO/IEC 7812-1."""
    digits = [int(char) for char in number if char.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def resident_number(number: str) -> bool:
    """Whether 18 characters are a resident identity number: weights 2^(17-i) mod 11, and a month and day."""
    weighted = sum(int(char) * (2 ** (17 - i) % 11) for i, char in enumerate(number[:17]))
    month, day = int(number[10:12]), int(number[12:14])
    return "10x98765432"[weighted % 11] == number[17] and 1 <= month <= 12 and 1 <= day <= 31


def _iban(text: str) -> bool:
    compact = text.replace(" ", "")
    turned = compact[4:] + compact[:4]
    return 15 <= len(compact) <= 34 and int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def _ssn(text: str) -> bool:
    area, group, serial = text.split("-")
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"


def _address(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def _phone(text: str) -> bool:
    digits = sum(char.isdigit() for char in text)
    return 8 <= digits <= 15


def _any(text: str) -> bool:
    return True


class _Kind(NamedTuple):
    name: str
    score: int
    sign: str  # what the scan looks for: a part of every match of `shape`, and in little else
    shape: re.Pattern[str]
    holds: Callable[[str], bool]


_KINDS = (
    _Kind("email", 95, "@", re.compile(r"(?<![\w.+-])[\w.+-]+@(?:[\w-]{1,63}\.){1,5}[a-z]{2,24}"), _any),
    _Kind(
        "resident_number",
        95,
        r"[1-9][0-9]{16}[0-9x]",
        re.compile(r"(?<![\dx])[1-9][0-9]{16}[0-9x](?![\dx])"),
        resident_number,
    ),
    _Kind(
        "payment_card",
        95,
        r"[0-9](?:[ \-]?[0-9]){12}",
        re.compile(r"(?<![\d-])[0-9](?:[ -]?[0-9]){12,18}(?![\d-])"),
        luhn,
    ),
    _Kind(
        "iban",
        90,
        r"[a-z]{2}[0-9]{2}(?: ?[a-z0-9]{4}){2}",
        re.compile(r"(?<!\w)[a-z]{2}[0-9]{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,4})?(?!\w)"),
        _iban,
    ),
    _Kind("ssn", 85, r"[0-9]{3}-[0-9]{2}-[0-9]{4}", re.compile(r"(?<![\d-])[0-9]{3}-[0-9]{2}-[0-9]{4}(?![\d-])"), _ssn),
    _Kind(
        "mobile_cn",
        80,
        r"1[3-9][0-9](?:[ \-]?[0-9]{4}){2}",
        re.compile(r"(?<![\d.-])(?:\+?86[ -]?)?1[3-9][0-9](?:[ -]?[0-9]{4}){2}(?![\d-])"),
        _any,
    ),
    _Kind(
        "phone",
        70,
        r"\+[0-9]{1,3}[ .\-]?\(?[0-9]",
        re.compile(r"(?<![\w.-])(?:\+[0-9]{1,3}[ .-]?)(?:\(?[0-9]{1,4}\)?[ .-]?){2,5}[0-9](?![\w-])"),
        _phone,
    ),
    _Kind(
        "phone_us",
        70,
        r"[2-9][0-9]{2}\)?[ .\-][0-9]{3}[ .\-][0-9]{4}",
        re.compile(r"(?<![\w.-])\(?[2-9][0-9]{2}\)?[ .-][0-9]{3}[ .-][0-9]{4}(?![\w-])"),
        _any,
    ),
    _Kind(
        "ip_address",
        60,
        r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
        re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.])"),
        _address,
    ),
)
_MOST = 16


class PersonalDataDetector:
    """Finds personal data: the trait `personal_data`, each kind with a score of its own."""

    name = "personal_data"
    version = "2"
    languages: frozenset[str] | None = None
    patterns: Sequence[Pattern] = tuple(Pattern(kind.name, kind.sign) for kind in _KINDS)
    examples: Sequence[Example] = (
        Example("write to jo.doe@example.org today", fires=("personal_data",)),
        Example("." * 70 + "jo@example.org", fires=("personal_data",)),
        Example("the number is 4111 1111 1111 1111.", fires=("personal_data",)),
        Example("order 4111 1111 1111 1112 is late", silent=("personal_data",)),
        Example("call +44 20 7946 0958 tomorrow", fires=("personal_data",)),
        Example("call (212) 555-0123 tomorrow", fires=("personal_data",)),
        Example("my number 078-05-1120 was printed", fires=("personal_data",)),
        Example("my number 666-05-1120 was printed", silent=("personal_data",)),
        Example("pay to gb82 west 1234 5698 7654 32 please", fires=("personal_data",)),
        Example("pay to gb82 west 1234 5698 7654 33 please", silent=("personal_data",)),
        Example("身份证号11010519491231002X请核对", fires=("personal_data",)),
        Example("身份证号110105194912310021请核对", silent=("personal_data",)),
        Example("我的电话是13800138000", fires=("personal_data",)),
        Example("the server at 8.8.8.8 answers", fires=("personal_data",)),
        Example("the server at 127.0.0.1 answers, version 1.2.3.4000", silent=("personal_data",)),
        Example("in 1999 we sold 12,345 units at 3.50", silent=("personal_data",)),
    )

    def find(self, texts: Sequence[Text]) -> list[list[Finding]]:
        """See `Detector`."""
        return [self._one(text) if self.name in text.hits and not text.disguised else [] for text in texts]

    def _one(self, text: Text) -> list[Finding]:
        found: list[Finding] = []
        taken: list[tuple[int, int]] = []
        signs = {number for number, _ in text.hits[self.name]}
        for number in sorted(signs):  # the surest kinds come first
            kind = _KINDS[number]
            for place in kind.shape.finditer(text.view):
                if any(start < place.end() and place.start() < end for start, end in taken):
                    continue
                if len(found) < _MOST and kind.holds(place[0]):
                    taken.append(place.span())
                    spans = (text.span(*place.span()),)
                    detector = f"{self.name}/{self.version}"
                    found.append(Finding(INDEX["personal_data"], kind.score, spans, detector, kind.name))
        return found
