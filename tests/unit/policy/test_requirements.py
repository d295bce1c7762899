"""Each requirement has rules that match what it forbids, and leave alone what stands next to it."""

from __future__ import annotations

from typing import Any

import pytest

from streams.model import AREAS, CATEGORY_AREA, CATEGORY_REQUIREMENT, Action, Audience, Kind, Severity, Stage, Truth
from tests.unit.policy.made import built_in, matched, signal, truths

BUNDLE = built_in().bundles[-1]

# category -> its rule for content at the threshold `content`
CONTENT = {
    "P1": {"illegal_activity": "illegal_activity.content"},
    "P3": {"hate": "hate.identity", "harassment": "harassment.person", "violence": "violence.glorified"},
    "P4": {"malware": "malware.build"},
    "P5": {
        "weapons": "weapons.development",
        "military_warfare": "military.content",
        "critical_infrastructure": "infrastructure.content",
        "self_harm": "self_harm.promotion",
    },
    "P6": {
        name: f"{name}.content"
        for name in ("multi_level_marketing", "gambling", "payday_lending", "automated_eligibility")
    },
    "P7": {
        name: f"{name}.content"
        for name in (
            "scams",
            "coordinated_inauthentic_behavior",
            "plagiarism",
            "academic_dishonesty",
            "astroturfing",
            "disinformation",
            "spam",
            "pseudo_pharmaceuticals",
        )
    },
    "P8": {"sexual_content": "sexual_content.content", "pornography": "pornography.content"},
    "P9": {
        name: f"{name}.content"
        for name in ("campaign_volume", "campaign_targeting", "campaign_chatbot", "campaign_product")
    },
    "P10": {
        name: f"{name}.content"
        for name in ("tracking", "facial_recognition", "protected_classification", "biometrics", "unlawful_pii")
    },
    "P14": {name: f"{name}.content" for name in ("law_enforcement", "migration_asylum")},
}
USES = {
    "P5": {"military": "military.use", "critical_infrastructure": "infrastructure.use"},
    "P6": {
        "mlm": "multi_level_marketing.use",
        "multi_level_marketing": "multi_level_marketing.use",
        "gambling": "gambling.use",
        "payday_lending": "payday_lending.use",
        "credit_eligibility": "automated_eligibility.use",
        "employment_eligibility": "automated_eligibility.use",
        "education_eligibility": "automated_eligibility.use",
        "public_assistance_eligibility": "automated_eligibility.use",
    },
    "P8": {"adult_industry": "adult_industry.use", "dating": "dating.use", "erotic_chat": "erotic_chat.use"},
    "P9": {"campaign_chatbot": "campaign_chatbot.use", "campaign_product": "campaign_product.use"},
    "P10": {
        "tracking": "tracking.use",
        "facial_recognition": "facial_recognition.use",
        "biometrics": "biometrics.use",
        "protected_classification": "protected_classification.use",
    },
    "P14": {"law_enforcement": "law_enforcement.use", "migration": "migration_asylum.use"},
}


@pytest.mark.parametrize(
    ("requirement", "category", "rule"),
    [(requirement, *pair) for requirement, pairs in CONTENT.items() for pair in pairs.items()],
)
def test_content_of_a_category_matches_at_its_threshold_and_not_below(
    requirement: str, category: str, rule: str
) -> None:
    assert rule in matched(signal(**{category: 70}))
    assert not matched(signal(**{category: 69}))
    found = BUNDLE.rule(rule)
    assert found is not None
    assert (found.requirement, found.category, found.stage) == (requirement, category, Stage.ENFORCE)


@pytest.mark.parametrize(
    ("requirement", "use", "rule"),
    [(requirement, *pair) for requirement, pairs in USES.items() for pair in pairs.items()],
)
def test_a_declared_use_matches_without_any_content(requirement: str, use: str, rule: str) -> None:
    decision = built_in().decide([signal(Kind.PROMPT, uses=(use,))])[0]
    assert [verdict.rule for verdict in decision.matched] == [rule]
    assert decision.matched[0].score == 100
    assert rule in matched(signal(Kind.PROMPT, facts={"uses": (use,)})), "declared by the account"
    assert not truths(signal(Kind.PROMPT, uses=("security_research",)))
    found = BUNDLE.rule(rule)
    assert found is not None
    assert found.requirement == requirement


def test_nothing_declared_and_nothing_found_is_clean_and_complete() -> None:
    for kind in (Kind.PROMPT, Kind.COMPLETION, Kind.EXCHANGE):
        decision = built_in().decide([signal(kind)])[0]
        assert (decision.matched, decision.unknown, decision.complete) == ((), (), True)


def test_p1_a_protective_frame_excuses() -> None:
    assert matched(signal(illegal_activity=80))
    assert not matched(signal(illegal_activity=80, defensive=60))


@pytest.mark.parametrize("category", ["csam", "child_exploitation"])
def test_p2_is_reported_and_nothing_excuses(category: str) -> None:
    uses = ("security_research", "content_moderation", "sex_education")
    one = signal(uses=uses, reviewed=True, defensive=100, help_seeking=100, **{category: 50})
    decision = built_in().decide([one])[0]
    (verdict,) = [verdict for verdict in decision.matched if verdict.area.value == "child-safety"]
    assert (verdict.severity, verdict.recommended, verdict.stage) == (
        Severity.CRITICAL,
        Action.REPORT,
        Stage.ENFORCE,
    )
    assert not matched(signal(**{category: 49}))


def test_p3_quoting_hate_to_counter_it_is_excused() -> None:
    assert not matched(signal(hate=90, violence=90, defensive=60))
    assert matched(signal(harassment=90, defensive=60)) == {"harassment.person"}


def test_p4_defence_and_teaching_are_no_violation() -> None:
    assert matched(signal(malware=80)) == {"malware.build"}
    assert not matched(signal(malware=80, defensive=60))
    assert not matched(signal(malware=80, uses=("security_research",)))
    assert matched(signal(malware=95, uses=("security_research",))) == {"malware.under_research"}


def test_p5_who_seeks_help_is_no_violator() -> None:
    assert matched(signal(self_harm=90)) == {"self_harm.promotion"}
    decision = built_in().decide([signal(self_harm=90, help_seeking=60)])[0]
    assert [(v.rule, v.stage, v.recommended) for v in decision.matched] == [
        ("self_harm.help_seeking", Stage.SHADOW, Action.NONE)
    ]


def test_p6_use_and_content_are_rules_of_their_own() -> None:
    assert matched(signal(gambling=80, uses=("gambling",))) == {"gambling.use", "gambling.content"}
    assert not matched(signal(gambling=80, help_seeking=60))


def test_p7_spam_and_coordination_are_also_counted() -> None:
    assert {"spam", "coordinated_inauthentic_behavior", "astroturfing"} <= set(BUNDLE.counted_labels)
    assert not matched(signal(scams=80, defensive=70)), "a warning of scams is none"


def test_p8_education_and_wellness_are_excepted() -> None:
    assert not matched(signal(sexual_content=90, uses=("sex_education",)))
    assert not matched(signal(sexual_content=90, health_topic=70))
    assert matched(signal(sexual_content=90, defensive=90)) == {"sexual_content.content"}, "fiction is no exception"


def test_p8_erotic_chat_takes_a_conversation() -> None:
    assert matched(signal(erotic_chat=80, conversation="c1")) == {"erotic_chat.conversation"}
    assert "erotic_chat.conversation" in matched(signal(Kind.PROMPT, erotic_chat=80, uses=("chatbot",)))
    assert matched(signal(erotic_chat=80)) == {"erotic_chat.single"}


def test_p9_targeting_is_campaign_material_for_a_demographic() -> None:
    assert matched(signal(campaign_material=60, demographic_target=60)) == {"campaign_targeting.content"}
    assert not matched(signal(campaign_material=60, demographic_target=59))
    assert not matched(signal(political_topic=100, demographic_target=100))
    assert not matched(signal(campaign_material=100)), "volume is judged by rate"


def test_p10_personal_data_alone_is_no_violation() -> None:
    assert not truths(signal(personal_data=100))
    assert not truths(signal(personal_data=100, reviewed=False, audience=Audience.CONSUMER))


ADVICE = [
    ("P11", "tailored_legal_advice", "tailored_legal_advice", {"tailored_legal_advice": 60}),
    ("P11", "tailored_legal_advice", "tailored_legal_advice", {"legal_topic": 50, "tailored": 60}),
    ("P12", "tailored_financial_advice", "tailored_financial_advice", {"tailored_financial_advice": 60}),
    ("P12", "tailored_financial_advice", "tailored_financial_advice", {"financial_topic": 50, "tailored": 60}),
    ("P13", "diagnosis", "diagnosis", {"diagnosis": 60}),
    ("P13", "treatment_instructions", "treatment_instructions", {"treatment_instructions": 60}),
    ("P13", "diagnosis", "health_advice", {"health_topic": 50, "tailored": 60}),
]


@pytest.mark.parametrize(("requirement", "category", "rule", "given"), ADVICE)
def test_advice_is_judged_by_topic_tailoring_and_review(
    requirement: str, category: str, rule: str, given: dict[str, int]
) -> None:
    enforced, unsaid = f"{rule}.unreviewed", f"{rule}.unsaid"
    found = BUNDLE.rule(enforced)
    assert found is not None
    assert (found.requirement, found.category) == (requirement, category)
    assert truths(signal(reviewed=False, **given)) == {enforced: Truth.MATCHED}
    assert truths(signal(reviewed=True, **given)) == {}
    assert truths(signal(reviewed=False, facts={"reviewed": True}, **given)) == {enforced: Truth.MATCHED}
    assert truths(signal(facts={"reviewed": True}, **given)) == {}
    assert truths(signal(**given)) == {enforced: Truth.UNKNOWN, unsaid: Truth.MATCHED}
    assert truths(signal(Kind.PROMPT, reviewed=False, **given)) == {unsaid: Truth.MATCHED}
    less = {label: score - 1 for label, score in given.items()}
    assert truths(signal(reviewed=False, **less)) == {}


@pytest.mark.parametrize("topic", ["legal_topic", "financial_topic", "health_topic"])
def test_a_topic_alone_is_no_advice(topic: str) -> None:
    assert not truths(signal(reviewed=False, **{topic: 100}))
    assert not truths(signal(reviewed=False, tailored=100))


def test_p11_practice_without_authority() -> None:
    assert matched(signal(unauthorized_practice=70, reviewed=False)) == {"unauthorized_practice.content"}
    assert truths(signal(unauthorized_practice=70)) == {"unauthorized_practice.content": Truth.UNKNOWN}
    assert not truths(signal(unauthorized_practice=70, reviewed=True))


def test_p13_a_review_does_not_help_in_an_emergency() -> None:
    assert matched(signal(emergency_triage=60, reviewed=True)) == {"emergency_triage.answered"}
    assert matched(signal(Kind.PROMPT, emergency_triage=60)) == {"emergency_triage.asked"}
    assert not matched(signal(emergency_triage=59))


def disclaimer(**more: Any) -> dict[str, Truth]:
    return truths(signal(uses=("medical",), **more))


def standing(name: str, one: dict[str, Truth]) -> str:
    if one.get(f"{name}.missing") is Truth.MATCHED:
        return "missing"
    if one.get(f"{name}.partial") is Truth.MATCHED:
        return "partial"
    return "unknown" if one else "present"


def test_o1_the_disclaimer_is_present_missing_or_partial() -> None:
    consumer = Audience.CONSUMER
    assert standing("disclaimer", disclaimer(audience=consumer)) == "missing"
    assert standing("disclaimer", disclaimer(audience=consumer, disclosures=("ai_notice",))) == "partial"
    assert standing("disclaimer", disclaimer(audience=consumer, limits_notice=50)) == "partial"
    both = ("ai_notice", "limits_notice")
    assert standing("disclaimer", disclaimer(audience=consumer, disclosures=both)) == "present"
    assert standing("disclaimer", disclaimer(audience=consumer, ai_notice=50, limits_notice=50)) == "present"
    assert standing("disclaimer", disclaimer(audience=Audience.BUSINESS)) == "present"
    assert standing("disclaimer", disclaimer()) == "unknown", "nobody says whom it serves"


@pytest.mark.parametrize("use", ["medical", "financial", "legal", "news_generation", "news_summarisation"])
def test_o1_concerns_these_uses_and_their_outputs(use: str) -> None:
    assert "disclaimer.missing" in matched(signal(uses=(use,), audience=Audience.CONSUMER))
    assert not truths(signal(Kind.PROMPT, uses=(use,), audience=Audience.CONSUMER))
    assert not truths(signal(uses=("security_research",), audience=Audience.CONSUMER))


@pytest.mark.parametrize("use", ["chatbot", "virtual_assistant", "customer_service"])
def test_o2_an_automated_system_says_so(use: str) -> None:
    assert matched(signal(uses=(use,))) == {"ai_disclosure.missing"}
    assert not matched(signal(uses=(use,), disclosures=("ai_notice",)))
    assert not matched(signal(uses=(use,), facts={"disclosures": ("ai_notice",)}))
    assert not matched(signal(uses=(use,), ai_notice=50))


def test_o3_a_simulated_person_has_consented_or_is_labelled() -> None:
    rule = "simulated_person.missing"
    assert matched(signal(simulated="unlabelled")) == {rule}
    assert not matched(signal(simulated="unlabelled", disclosures=("simulation_label",)))
    assert not matched(signal(simulated="unlabelled", simulation_notice=50))
    for fine in ("none", "historical", "consented", "labelled"):
        assert not truths(signal(simulated=fine, uses=("persona",), persona=100))
    assert truths(signal(uses=("persona",))) == {rule: Truth.UNKNOWN}, "nobody says who it is"
    assert truths(signal(persona=70)) == {rule: Truth.UNKNOWN}
    assert truths(signal(persona=69)) == {}


def test_o4_a_publication_carries_its_attribution() -> None:
    assert matched(signal(uses=("publication",))) == {"publication.missing"}
    assert not matched(signal(uses=("publication",), disclosures=("publication_attribution",)))


def test_o5_the_list_of_uses_is_data_and_grows_by_account() -> None:
    assert {"medical", "insurance", "mental_health"} <= BUNDLE.vocabulary.members("disclaimer")
    warranted = {"uses": ("disclaimer_warranted",)}
    assert matched(signal(facts=warranted)) == {"disclaimer_warranted.missing"}
    assert matched(signal(facts=warranted, ai_notice=60)) == {"disclaimer_warranted.partial"}
    assert not matched(signal(facts=warranted, disclosures=("ai_notice", "limits_notice")))


def test_d12_health_records_take_both_agreements() -> None:
    given = {"health_topic": 60, "personal_data": 60}
    rule = "protected_health.without_agreement"
    assert matched(signal(**given)) == {rule}
    assert matched(signal(facts={"enterprise": True}, **given)) == {rule}
    assert not matched(signal(facts={"enterprise": True, "business_associate": True}, **given))
    found = BUNDLE.rule(rule)
    assert found is not None
    assert found.stage is Stage.SHADOW


def test_every_category_and_requirement_has_a_rule() -> None:
    assert {rule.category for rule in BUNDLE.rules} == set(CATEGORY_AREA)
    assert {rule.area for rule in BUNDLE.rules} == set(AREAS)
    assert {rule.requirement for rule in BUNDLE.rules} == {*CATEGORY_REQUIREMENT.values(), "O5", "D12"}
    assert all(rule.clause and rule.title for rule in BUNDLE.rules)
