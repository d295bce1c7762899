"""Each signal is judged by the bundle in force when it came in, the same way every time, remembered or not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import PolicyError
from streams.model import CATEGORY_AREA, LABELS, Audience, Gap, GapReason, Kind, Signal, StorageMode
from streams.policy import BUNDLES, load_policies
from streams.policy.timeline import Segment, Timeline
from streams.policy.view import View
from tests.unit.policy.made import DAY, NOW, built_in, matched, signal

FIRST = 1_679_011_200_000  # 2023-03-17 in UTC
USES = ("gambling", "chatbot", "medical", "persona", "military", "security_research", "no_such_use")
SOME = st.sampled_from((0, 0, 0, 49, 50, 59, 60, 69, 70, 89, 90, 100))


@st.composite
def signals(draw: st.DrawFn) -> Signal:
    labels = draw(st.dictionaries(st.sampled_from(LABELS), SOME, max_size=5))
    return signal(
        draw(st.sampled_from((Kind.PROMPT, Kind.COMPLETION, Kind.EXCHANGE))),
        uses=tuple(draw(st.lists(st.sampled_from(USES), max_size=2))),
        disclosures=tuple(draw(st.lists(st.sampled_from(("ai_notice", "limits_notice")), max_size=2))),
        audience=draw(st.sampled_from((None, *Audience))),
        reviewed=draw(st.sampled_from((None, True, False))),
        simulated=draw(st.sampled_from((None, "unlabelled", "historical"))),
        gaps=draw(st.sampled_from(((), (Gap("lexicons", GapReason.SKIPPED),), (Gap("language", GapReason.FAILED),)))),
        conversation=draw(st.sampled_from((None, "c"))),
        facts={"mode": draw(st.sampled_from(tuple(StorageMode))), "enterprise": draw(st.booleans())},
        **labels,
    )


def two_bundles(folder: Path) -> Path:
    """The built-in bundle, and one of a later date in which malware takes more."""
    shutil.copytree(BUNDLES / "2023-03-17", folder / "2023-03-17")
    later = folder / "2024-01-01"
    shutil.copytree(BUNDLES / "2023-03-17", later)
    edit(later / "bundle.yaml", "2023-03-17", "2024-01-01")
    edit(later / "malware.yaml", "score(malware) >= content", "score(malware) >= certain")
    return folder


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@given(st.lists(signals(), max_size=8))
def test_remembered_decisions_equal_those_worked_out_anew(batch: list[Signal]) -> None:
    remembering, forgetful = Timeline(built_in().bundles), Timeline(built_in().bundles, remembered=1)
    segment = Segment(0, built_in().bundles[0], built_in().bundles[0].rules)
    expected = [segment.judge(one) for one in batch]
    assert remembering.decide(batch) == expected
    assert remembering.decide(batch) == expected, "the second time, from memory"
    assert forgetful.decide(batch) == expected


@given(signals())
@settings(max_examples=200)
def test_a_sleeping_rule_would_not_have_matched(one: Signal) -> None:
    bundle = built_in().bundles[0]
    view = View.of(one, bundle.detectors)
    decision = Segment(0, bundle, bundle.rules).judge(one)
    all_truths = {rule.id: rule.truth(view) for rule in bundle.rules if not rule.rates}
    assert {v.rule for v in decision.matched} == {name for name, truth in all_truths.items() if truth is True}
    unknown = {name for name, truth in all_truths.items() if truth is None}
    assert {v.rule for v in decision.unknown} <= unknown
    assert len(decision.unknown) == min(16, len(unknown))
    assert decision.complete is (not unknown and not one.gaps)


def test_two_loads_decide_alike() -> None:
    one, other = load_policies(), load_policies()
    assert one.at(NOW).digest == other.at(NOW).digest
    batch = [signal(**{category: 80}) for category in CATEGORY_AREA]
    assert one.decide(batch) == other.decide(batch)


def test_verdicts_come_most_severe_first() -> None:
    decision = built_in().decide([signal(gambling=80, csam=80, erotic_chat=80)])[0]
    assert [v.rule for v in decision.matched] == ["child_safety.csam", "gambling.content", "erotic_chat.single"]
    assert [v.score for v in decision.matched] == [80, 80, 80]


def test_a_signal_is_judged_by_the_bundle_of_its_time(tmp_path: Path) -> None:
    policies = load_policies(two_bundles(tmp_path))
    new_year = 1_704_067_200_000
    old, new = signal(malware=80, at=new_year - 1), signal(malware=80, at=new_year)
    assert matched(old, policies) == {"malware.build"}
    assert not matched(new, policies)
    before, after = policies.decide([old, new])
    assert (before.version, after.version) == ("2023-03-17", "2024-01-01")
    assert before.policy != after.policy
    assert policies.at(new_year).version == "2024-01-01"


def test_what_came_before_the_first_bundle_is_judged_by_the_first(tmp_path: Path) -> None:
    policies = load_policies(two_bundles(tmp_path))
    ancient = policies.decide([signal(malware=80, at=0)])[0]
    assert ancient.version == "2023-03-17"
    assert ancient == policies.decide([signal(malware=80, at=FIRST)])[0]


def test_a_rule_is_in_force_between_its_dates(tmp_path: Path) -> None:
    folder = shutil.copytree(BUNDLES / "2023-03-17", tmp_path / "2023-03-17")
    dates = "severity: high\n    from: 2023-05-01\n    to: 2023-06-01\n"
    edit(folder / "illegal-activity.yaml", "severity: high\n", dates)
    policies = load_policies(tmp_path)
    may = 1_682_899_200_000
    found = {day: matched(signal(illegal_activity=80, at=may + day * DAY), policies) for day in (-1, 0, 30, 31)}
    assert found == {-1: set(), 0: {"illegal_activity.content"}, 30: {"illegal_activity.content"}, 31: set()}
    assert {policies.at(may + day * DAY).digest for day in (-1, 0, 31)} == {policies.bundles[0].digest}


def test_the_digest_is_that_of_the_files(tmp_path: Path) -> None:
    folder = shutil.copytree(BUNDLES / "2023-03-17", tmp_path / "2023-03-17")
    ours = built_in().bundles[0].digest
    assert load_policies(tmp_path).bundles[0].digest == ours
    path = folder / "malware.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_policies(tmp_path).bundles[0].digest == ours, "line ends and byte order marks do not count"
    edit(path, "certain and use", "content and use")
    assert load_policies(tmp_path).bundles[0].digest != ours


def test_a_bundle_can_be_given_itself() -> None:
    assert load_policies(BUNDLES / "2023-03-17").bundles[0].digest == built_in().bundles[0].digest


def test_a_folder_without_a_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no such folder"):
        load_policies(tmp_path / "nowhere")
    with pytest.raises(PolicyError, match="holds no bundle"):
        load_policies(tmp_path)


def test_two_bundles_of_one_date_are_refused(tmp_path: Path) -> None:
    folder = two_bundles(tmp_path)
    edit(folder / "2024-01-01" / "bundle.yaml", "in_force: 2024-01-01", "in_force: 2023-03-17")
    with pytest.raises(PolicyError, match="the same date"):
        load_policies(folder)


def test_rate_rules_are_no_part_of_a_signals_decision() -> None:
    rated = {rule.id for rule in built_in().bundles[0].rules if rule.rates}
    assert rated == {"spam.rate", "coordinated_inauthentic_behavior.rate", "campaign_volume.rate"}
    assert not rated & set(matched(signal(spam=100, campaign_material=100)))
    assert built_in().counted_labels == (
        "coordinated_inauthentic_behavior",
        "astroturfing",
        "spam",
        "campaign_material",
    )
