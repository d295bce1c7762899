"""All detectors together: contents in, detections out. The edge SDK, the worker and the command line run this same one.

A detector that raises is tried again text by text; what it cannot do becomes a gap, and its neighbours' findings stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from streams.detect.clues import LexiconDetector
from streams.detect.detector import Detector
from streams.detect.language import language_of
from streams.detect.lexicon import load_lexicon
from streams.detect.marker import MarkerDetector
from streams.detect.normalise import SIGNS, WIDE_SIGNS, View, folded_of, undone
from streams.detect.personal_data import PersonalDataDetector
from streams.detect.scan import Scanner
from streams.detect.text import Text
from streams.model import INDEX, LABELS, NO_SCORES, Content, Detection, Finding, Gap, GapReason, Shape

__all__ = ["DetectorSet", "load"]

WHOLE = 200_000  # characters of one message that are judged whole; of a longer one, its head and tail
HEAD, TAIL = 150_000, 50_000
MOST_FINDINGS = 64
EVASION = INDEX["evasion"]
NORMALISE = "normalise/2"  # named in findings of evasion
DISGUISED_FROM = 50  # a disguise that hid a label of at least this score, not found as the text stands, is an evasion


class DetectorSet:
    """Implements `pipeline.Detectors`. Safe for several threads: nothing of a call is kept."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self.detectors = tuple(detectors)
        self._scanner = Scanner({detector.name: detector.patterns for detector in detectors} | {"signs": SIGNS})
        self._wide = Scanner({"wide": WIDE_SIGNS})
        named = "\n".join(f"{detector.name}/{detector.version}" for detector in detectors)
        self.digest = hashlib.blake2b(named.encode(), digest_size=8).hexdigest()

    def __repr__(self) -> str:
        return f"<DetectorSet {self.digest} {', '.join(detector.name for detector in self.detectors)}>"

    def detect(self, contents: Sequence[Content]) -> list[Detection]:
        """One detection for each content, in order. Never raises for content."""
        parts: list[_Part] = []
        truncated: set[int] = set()
        for owner, content in enumerate(contents):
            for number, message in enumerate(content.messages):
                parts += _parts(owner, number, message.text)
                if len(message.text) > WHOLE:
                    truncated.add(owner)
        texts = self._read(parts)
        findings: list[list[Finding]] = [[] for _ in contents]
        gaps: list[set[Gap]] = [set() for _ in contents]
        for owner in truncated:
            gaps[owner].update(Gap(detector.name, GapReason.TRUNCATED) for detector in self.detectors)
        for detector in self.detectors:
            self._ask(detector, texts, findings, gaps)
        shapes = self._shapes(contents, texts, gaps)
        return [_detection(*one) for one in zip(findings, gaps, shapes, strict=True)]

    def _read(self, parts: Sequence[_Part]) -> list[Text]:
        """All views of all parts, scanned: as it stands first, then those that undid a disguise."""
        folded = folded_of([part.text for part in parts])
        texts = [_text(part, view, view.disguised) for part, view in zip(parts, folded, strict=True)]
        self._scanner.scan(texts)
        self._wide.scan([text for text in texts if not text.view.isascii()])
        more = [
            _text(part, view, True)
            for part, first, text in zip(parts, folded, texts, strict=True)
            if "signs" in text.hits or "wide" in text.hits
            for view in undone(part.text, first, _signs(text))
        ]
        self._scanner.scan(more)
        return [text for text in texts + more if text.view]

    def _ask(
        self, detector: Detector, texts: Sequence[Text], findings: list[list[Finding]], gaps: list[set[Gap]]
    ) -> None:
        concerned = [text for text in texts if detector.name in text.hits]
        try:
            found = detector.find(concerned)
        except Exception:
            found = [self._alone(detector, text, gaps) for text in concerned]
        seen: set[tuple[int, int, int, int]] = set()
        for text, some in zip(concerned, found, strict=True):
            if not some:
                continue
            findings[text.owner] += some
            strong = {(text.owner, text.message, text.base, f.label): f for f in some if f.score >= DISGUISED_FROM}
            hidden = [finding for place, finding in strong.items() if place not in seen]
            if text.disguised and hidden:
                worst = max(hidden, key=lambda f: f.score)
                findings[text.owner].append(Finding(EVASION, worst.score, worst.spans, NORMALISE, "disguise"))
            seen.update(strong)

    @staticmethod
    def _alone(detector: Detector, text: Text, gaps: list[set[Gap]]) -> list[Finding]:
        try:
            return detector.find([text])[0]
        except Exception:
            gaps[text.owner].add(Gap(detector.name, GapReason.FAILED))
            return []

    def _shapes(self, contents: Sequence[Content], texts: Sequence[Text], gaps: list[set[Gap]]) -> list[Shape]:
        """Sizes, and the language of the longest message; a language that a detector does not know leaves a gap."""
        longest = [""] * len(contents)
        windows = [0] * len(contents)
        for text in texts:
            if not text.disguised:
                owner, view = text.owner, text.view
                windows[owner] += 1
                if len(view) > len(longest[owner]):
                    longest[owner] = view
        languages = [language_of(view) if view else "un" for view in longest]
        for language in set(languages) - {"un"}:
            unread = [one for one in self.detectors if one.languages is not None and language not in one.languages]
            for owner in [owner for owner, found in enumerate(languages) if unread and found == language]:
                gaps[owner].update(Gap(one.name, GapReason.UNSUPPORTED_LANGUAGE) for one in unread)
        return [
            Shape(len(content), len(content.messages), language, count)
            for content, language, count in zip(contents, languages, windows, strict=True)
        ]


class _Part(NamedTuple):
    owner: int
    message: int
    base: int
    text: str


def _parts(owner: int, message: int, text: str) -> list[_Part]:
    """What of a message is judged, with where it starts: all of it, or head and tail of one beyond the bound."""
    if len(text) <= WHOLE:
        return [_Part(owner, message, 0, text)] if text else []
    return [_Part(owner, message, 0, text[:HEAD]), _Part(owner, message, len(text) - TAIL, text[-TAIL:])]


def _signs(text: Text) -> set[str]:
    """The disguises that a text may hold. Taken out of its hits, which are those of detectors then."""
    found = {SIGNS[pattern].name for pattern, _ in text.hits.pop("signs", ())}
    return found | {"spaced"} if text.hits.pop("wide", None) else found


def _text(part: _Part, view: View, disguised: bool) -> Text:
    return Text(part.owner, part.message, view.text, view.offsets, part.base, disguised)


def _detection(findings: list[Finding], gaps: set[Gap], shape: Shape) -> Detection:
    in_order = tuple(sorted(gaps, key=lambda gap: (gap.detector, gap.reason))) if gaps else ()
    if not findings:
        return Detection(NO_SCORES, (), in_order, shape)
    scores = bytearray(len(LABELS))
    for finding in findings:
        if finding.score > scores[finding.label]:
            scores[finding.label] = finding.score
    findings.sort(key=lambda f: (-f.score, f.label, f.clue))
    return Detection(bytes(scores), tuple(findings[:MOST_FINDINGS]), in_order, shape)


def load(lexicons: Path | None = None) -> DetectorSet:
    """All detectors. A new one is added here."""
    return DetectorSet([LexiconDetector(load_lexicon(lexicons)), PersonalDataDetector(), MarkerDetector()])
