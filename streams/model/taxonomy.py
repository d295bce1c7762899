"""The fixed labels that detectors score: the policy's categories, and traits that rules combine.

Scores travel as one byte a label (0–100) in the order of `LABELS`. The order is part of the wire format: labels are
appended, never moved or removed; `TAXONOMY` counts the releases. Areas and categories are those of the usage policy of
2023-03-17 (requirements P1–P14, O1–O4).
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "AREAS",
    "CATEGORY_AREA",
    "CATEGORY_REQUIREMENT",
    "INDEX",
    "LABELS",
    "NO_SCORES",
    "TAXONOMY",
    "TRAITS",
    "Area",
]

TAXONOMY = 1


class Area(StrEnum):
    """An area of the policy: each has a violations topic of its own."""

    ILLEGAL_ACTIVITY = "illegal-activity"
    CHILD_SAFETY = "child-safety"
    HATE_HARASSMENT_VIOLENCE = "hate-harassment-violence"
    MALWARE = "malware"
    PHYSICAL_HARM = "physical-harm"
    ECONOMIC_HARM = "economic-harm"
    FRAUD_DECEPTION = "fraud-deception"
    ADULT = "adult"
    POLITICAL = "political"
    PRIVACY = "privacy"
    LEGAL_ADVICE = "legal-advice"
    FINANCIAL_ADVICE = "financial-advice"
    HEALTH_ADVICE = "health-advice"
    GOVERNMENT_DECISIONS = "government-decisions"
    DISCLOSURE = "disclosure"


AREAS: tuple[Area, ...] = tuple(Area)

# (requirement, area, categories), in wire order.
_CATEGORIES: tuple[tuple[str, Area, tuple[str, ...]], ...] = (
    ("P1", Area.ILLEGAL_ACTIVITY, ("illegal_activity",)),
    ("P2", Area.CHILD_SAFETY, ("csam", "child_exploitation")),
    ("P3", Area.HATE_HARASSMENT_VIOLENCE, ("hate", "harassment", "violence")),
    ("P4", Area.MALWARE, ("malware",)),
    ("P5", Area.PHYSICAL_HARM, ("weapons", "military_warfare", "critical_infrastructure", "self_harm")),
    (
        "P6",
        Area.ECONOMIC_HARM,
        ("multi_level_marketing", "gambling", "payday_lending", "automated_eligibility"),
    ),
    (
        "P7",
        Area.FRAUD_DECEPTION,
        (
            "scams",
            "coordinated_inauthentic_behavior",
            "plagiarism",
            "academic_dishonesty",
            "astroturfing",
            "disinformation",
            "spam",
            "pseudo_pharmaceuticals",
        ),
    ),
    ("P8", Area.ADULT, ("sexual_content", "erotic_chat", "pornography")),
    ("P9", Area.POLITICAL, ("campaign_volume", "campaign_targeting", "campaign_chatbot", "campaign_product")),
    (
        "P10",
        Area.PRIVACY,
        ("tracking", "facial_recognition", "protected_classification", "biometrics", "unlawful_pii"),
    ),
    ("P11", Area.LEGAL_ADVICE, ("unauthorized_practice", "tailored_legal_advice")),
    ("P12", Area.FINANCIAL_ADVICE, ("tailored_financial_advice",)),
    ("P13", Area.HEALTH_ADVICE, ("diagnosis", "treatment_instructions", "emergency_triage")),
    ("P14", Area.GOVERNMENT_DECISIONS, ("law_enforcement", "migration_asylum")),
    ("O1", Area.DISCLOSURE, ("ai_disclaimer",)),
    ("O2", Area.DISCLOSURE, ("ai_disclosure",)),
    ("O3", Area.DISCLOSURE, ("simulated_person",)),
    ("O4", Area.DISCLOSURE, ("publication",)),
)

CATEGORY_AREA: dict[str, Area] = {c: area for _, area, categories in _CATEGORIES for c in categories}
CATEGORY_REQUIREMENT: dict[str, str] = {
    category: requirement for requirement, _, categories in _CATEGORIES for category in categories
}

# Facts about a text which are no violation by themselves; rules combine them with categories and declared uses.
TRAITS: tuple[str, ...] = (
    "legal_topic",  # law as a subject
    "financial_topic",  # personal money matters as a subject
    "health_topic",  # illness and treatment as a subject
    "political_topic",  # parties, elections, campaigns as a subject
    "news_topic",  # reports or summarises news
    "tailored",  # asks for, or gives, advice on one person's own case
    "campaign_material",  # text made to win votes or support
    "demographic_target",  # aimed at people of an age, origin, faith, sex, place or income
    "personal_data",  # e-mail, phone, card, identity numbers, addresses
    "help_seeking",  # a person in distress asks for help
    "defensive",  # protective, educational, historical or fictional frame
    "ai_notice",  # says that an AI speaks
    "limits_notice",  # says what the AI cannot be relied on for, or to see a professional
    "simulation_notice",  # labelled as simulated or parody
    "persona",  # speaks as, or is asked to speak as, a named person
    "evasion",  # text was disguised: zero-width, homoglyphs, spaced letters, base64 …
    "synthetic_marker",  # the made-up marker that tests and demonstrations use
)

LABELS: tuple[str, ...] = (*CATEGORY_AREA, *TRAITS)
INDEX: dict[str, int] = {label: i for i, label in enumerate(LABELS)}
NO_SCORES = bytes(len(LABELS))
