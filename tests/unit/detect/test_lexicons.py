"""The lexicons that ship: every example holds, and every category has clues in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest
import yaml

from streams.detect import load_detectors
from streams.detect.engine import DetectorSet
from streams.detect.lexicon import BUILT_IN, Lexicon, Sample, load_lexicon
from streams.model import CATEGORY_AREA, LABELS, Content, Message, Role

FOUND = 50  # a score from here on counts as found
HAN = re.compile("[一-鿿]")

# Labels which need no clue, by what shows them instead.
DECLARED = {"ai_disclaimer", "ai_disclosure", "simulated_person", "publication"}  # obligations: notices, declarations
BY_CODE = {"personal_data", "evasion", "synthetic_marker"}  # detectors of their own
WITHOUT_CLUES = DECLARED | BY_CODE


@cache
def lexicon() -> Lexicon:
    return load_lexicon()


@pytest.fixture(scope="module")
def detectors() -> DetectorSet:
    return load_detectors()


def samples() -> Iterator[tuple[str, Sample]]:
    """Every sample under a name that shows nothing of it, file:index. Files are read in the order of their names."""
    number = 0
    for path in sorted(BUILT_IN.glob("*.yaml")):
        for index in range(len(yaml.safe_load(path.read_text(encoding="utf-8")).get("examples", []))):
            yield f"{path.stem}:{index}", lexicon().samples[number]
            number += 1


SAMPLES = dict(samples())


def found(detectors: DetectorSet, text: str) -> set[str]:
    detection = detectors.detect([Content((Message(Role.USER, text),))])[0]
    return {finding.clue for finding in detection.findings if finding.score >= FOUND}


@pytest.mark.parametrize("name", SAMPLES)
def test_an_example_holds(detectors: DetectorSet, name: str) -> None:
    clues = found(detectors, SAMPLES[name].text)
    assert not set(SAMPLES[name].match) - clues, "clues that should have fired"
    assert not set(SAMPLES[name].miss) & clues, "clues that should have kept silent"


def languages_of(concept: str) -> set[str]:
    (expressions,) = [known.expressions + known.composed for known in lexicon().concepts if known.name == concept]
    return {"zh" if HAN.search(expression) else "en" for expression in expressions}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("label", sorted(set(LABELS) - WITHOUT_CLUES))
def test_a_label_has_a_clue_in_each_language(label: str, language: str) -> None:
    clues = [clue for clue in lexicon().clues if LABELS[clue.label] == label]
    assert any(all(language in languages_of(concept) for concept in clue.all) for clue in clues)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("label", sorted(set(LABELS) - WITHOUT_CLUES))
def test_a_label_has_examples_in_each_language(label: str, language: str) -> None:
    of_label = {clue.id for clue in lexicon().clues if LABELS[clue.label] == label}
    spoken = [sample for sample in SAMPLES.values() if ("zh" if HAN.search(sample.text) else "en") == language]
    assert any(of_label & set(sample.match) for sample in spoken), "an example that matches"
    if label in CATEGORY_AREA:  # traits excuse or qualify, so a wrong one alone makes no violation
        assert any(of_label & set(sample.miss) for sample in spoken), "a near miss"


def test_every_clue_has_an_example_that_it_matches() -> None:
    tested = {clue for sample in SAMPLES.values() for clue in sample.match}
    assert [clue.id for clue in lexicon().clues if clue.id not in tested] == []


def test_every_concept_is_used() -> None:
    used = {concept for clue in lexicon().clues for concept in (*clue.all, *clue.unless)}
    assert [concept.name for concept in lexicon().concepts if concept.name not in used] == []


def test_no_score_hangs_on_a_single_word_of_harm() -> None:
    """Clues of one concept are fixed phrases: notices, threats, or a meeting of words within one expression."""
    alone = {clue.id for clue in lexicon().clues if len(clue.all) == 1 and not clue.unless}
    assert all(LABELS[clue.label] not in CATEGORY_AREA for clue in lexicon().clues if clue.id in alone)
