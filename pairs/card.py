"""The card's tables, as Markdown: what is there, and how far two readers agreed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pairs.figures import counts, kinds
from pairs.loading import Text
from pairs.second import Table
from streams.model.taxonomy import CATEGORY_REQUIREMENT

__all__ = ["tables"]


def tables(texts: Sequence[Text], agreed: Mapping[str, Table]) -> str:
    """Pairs and κ by category, harmless texts by theme, kinds by language. κ is of the first reading, before anything
    was dropped."""
    found = counts(texts)
    english, chinese = found.get("en", {}), found.get("zh", {})
    lines = ["| category | clause | pairs, en | pairs, zh | κ, en | κ, zh |", "|---|---|---|---|---|---|"]
    for category, clause in CATEGORY_REQUIREMENT.items():
        if category in english or category in chinese:
            told = [_kappa(agreed.get(f"{lang} {category}")) for lang in ("en", "zh")]
            row = (category, clause, english.get(category, 0), chinese.get(category, 0), *told)
            lines.append(f"| {' | '.join(map(str, row))} |")
    themes = sorted({name for name in {**english, **chinese} if name.startswith("harmless")})
    lines += ["", "| harmless without a twin | en | zh |", "|---|---|---|"]
    lines += [f"| {name.partition(': ')[2]} | {english.get(name, 0)} | {chinese.get(name, 0)} |" for name in themes]
    lines += ["", "| kind | en | zh |", "|---|---|---|"]
    lines += _kinds(texts)
    return "\n".join(lines) + "\n"


def _kappa(table: Table | None) -> str:
    return f"{table.told()['kappa']:.2f}" if table is not None else "–"


def _kinds(texts: Iterable[Text]) -> list[str]:
    by_language = kinds(texts)
    names = sorted({name for some in by_language.values() for name in some})
    return [
        f"| {name} | {' | '.join(str(by_language[lang].get(name, 0)) for lang in sorted(by_language))} |"
        for name in names
    ]
