"""Folders to bundles: reads every file, checks everything, and reports all mistakes at once."""

from __future__ import annotations

import hashlib
from pathlib import Path

from streams.errors import PolicyError
from streams.model import AREAS, CATEGORY_AREA, CATEGORY_REQUIREMENT, INDEX, TRAITS, Action, Area, Severity, Stage
from streams.policy.bundle import LANGUAGE, Bundle, Condition, Obligation, Rule
from streams.policy.meaning import Vocabulary
from streams.policy.timeline import Timeline
from streams.written.mistakes import Mistake, PolicyMistakes, did_you_mean
from streams.written.reading import ID, Entry, File

__all__ = ["REQUIREMENTS", "load_bundle", "load_timeline"]

REQUIREMENTS = (*dict.fromkeys(CATEGORY_REQUIREMENT.values()), "O5", "D12")
BUNDLE, USES = "bundle.yaml", "uses.yaml"


def load_timeline(folder: Path) -> Timeline:
    """All bundles of a folder: every folder in it that is named by a date, or the folder itself if it is a bundle."""
    if not folder.is_dir():
        raise PolicyError(f"{folder}: no such folder; a policy is a folder of bundles, each named by its date")
    if (folder / BUNDLE).is_file():
        folders = [folder]
    else:
        folders = sorted(path for path in folder.iterdir() if path.is_dir() and (path / BUNDLE).is_file())
    if not folders:
        raise PolicyError(f"{folder}: holds no bundle; a bundle is a folder with a {BUNDLE}")
    bundles: list[Bundle] = []
    mistakes: list[Mistake] = []
    for path in folders:
        try:
            bundles.append(load_bundle(path))
        except PolicyMistakes as found:
            mistakes += found.mistakes
    if mistakes:
        raise PolicyMistakes(mistakes)
    dates = {bundle.starts for bundle in bundles}
    if len(dates) != len(bundles):
        raise PolicyError(f"{folder}: two bundles have the same date in_force; each needs a date of its own")
    return Timeline(bundles)


def load_bundle(folder: Path) -> Bundle:
    """One bundle. Raises `PolicyMistakes` with all that is wrong in its files."""
    paths = sorted(folder.glob("*.yaml"))
    files = {path.name: File.read(path, f"{folder.name}/{path.name}") for path in paths}
    loader = _Loader(folder, files)
    bundle = loader.bundle()
    mistakes = [mistake for file in files.values() for mistake in file.mistakes] + loader.mistakes
    if mistakes or bundle is None:
        raise PolicyMistakes(mistakes)
    return bundle


def digest_of(files: dict[str, File]) -> str:
    """BLAKE2b-128 over the language's version and each file's name and text, lengths first; 32 hexadecimal digits."""
    state = hashlib.blake2b(digest_size=16)
    for part in (str(LANGUAGE), *(part for name in sorted(files) for part in (name, files[name].text.text))):
        data = part.encode()
        state.update(len(data).to_bytes(8, "big") + data)
    return state.hexdigest()


class _Loader:
    def __init__(self, folder: Path, files: dict[str, File]) -> None:
        self._folder = folder
        self._files = files
        self._ids: dict[str, Entry] = {}
        self._starts = 0
        self._vocabulary = Vocabulary()
        self._traits: dict[str, str | None] = {}
        self.mistakes: list[Mistake] = []

    def bundle(self) -> Bundle | None:
        head = self._top(BUNDLE)
        uses = self._top(USES)
        if head is None or uses is None:
            self._look_at_the_rest()
            return None
        version, title = head.text("version"), head.text("title")
        self._starts = head.date("in_force", required=True) or 0
        self._check_version(head, version)
        thresholds = self._thresholds(head)
        detectors = self._detectors(head)
        head.done()
        self._vocabulary = Vocabulary(thresholds, self._uses(uses), self._disclosures(uses))
        uses.done()
        rules: list[Rule] = []
        obligations: list[Obligation] = []
        for name in self._files:
            if name not in (BUNDLE, USES):
                self._area(name, rules, obligations)
        self._once(rules)
        self._every_category(head, rules)
        return Bundle(
            version=version,
            digest=digest_of(self._files),
            title=title,
            starts=self._starts,
            rules=tuple(sorted(rules, key=lambda rule: rule.order)),
            obligations=tuple(obligations),
            vocabulary=self._vocabulary,
            detectors=detectors,
            folder=str(self._folder),
        )

    def _top(self, name: str) -> Entry | None:
        file = self._files.get(name)
        if file is None:
            self.mistakes.append(Mistake(f"{self._folder.name}/{name}", 1, 1, 1, "this file is missing", "add it", ""))
            return None
        return file.top()

    def _look_at_the_rest(self) -> None:
        """Find at least the mistakes of form in the files that cannot be checked without the first two."""
        for name, file in self._files.items():
            if name not in (BUNDLE, USES):
                file.top()

    def _check_version(self, head: Entry, version: str) -> None:
        if version and version != self._folder.name:
            hint = f'the folder is named "{self._folder.name}"'
            head.wrong("version", f'version "{version}" is not the name of its folder', hint)

    def _thresholds(self, head: Entry) -> dict[str, int]:
        entry = head.entry("thresholds")
        if entry is None:
            return {}
        found = {}
        for name, node in entry.keys():  # noqa: SIM118 - an Entry is no dict
            if not ID.fullmatch(name) or "." in name:
                entry.wrong(node, f'"{name}" is no name of a threshold', "small letters, digits, underscores")
            number = entry.number(name, 1, 100)
            found[name] = 1 if number is None else number  # named all the same, so that one mistake is shown once
        return found

    def _detectors(self, head: Entry) -> dict[str, frozenset[int]]:
        entry = head.entry("detectors")
        if entry is None:
            return {}
        found = {}
        for name, _ in entry.keys():  # noqa: SIM118 - an Entry is no dict
            labels = set()
            for label, node in entry.words(name):
                if label not in INDEX:
                    entry.wrong(node, f'unknown label "{label}"', did_you_mean(label, list(INDEX)))
                else:
                    labels.add(INDEX[label])
            found[name] = frozenset(labels)
        return found

    def _uses(self, top: Entry) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for entry in top.entries("uses", required=True):
            use = entry.identifier("id")
            entry.text("title")
            groups = [group for group, _ in entry.words("groups")]
            entry.done()
            if use in found:
                entry.wrong("id", f'use "{use}" is there twice')
            found[use] = frozenset(groups)
        return found

    def _disclosures(self, top: Entry) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for entry in top.entries("disclosures", required=True):
            disclosure = entry.identifier("id")
            entry.text("title")
            trait = entry.choice("trait", TRAITS) if entry.has("trait") else None
            entry.done()
            if disclosure in found:
                entry.wrong("id", f'disclosure "{disclosure}" is there twice')
            found[disclosure] = trait
        return found

    def _area(self, name: str, rules: list[Rule], obligations: list[Obligation]) -> None:
        top = self._files[name].top()
        if top is None:
            return
        chosen = top.choice("area", AREAS)
        entries, duties = top.entries("rules"), top.entries("obligations")
        top.done()
        if not chosen:
            return
        area = Area(chosen)
        for entry in entries:
            rule = self._rule(entry, area)
            if rule is not None:
                rules.append(rule)
        for entry in duties:
            obligation = self._obligation(entry, area, rules)
            if obligation is not None:
                obligations.append(obligation)

    def _claim(self, entry: Entry) -> str:
        name = entry.identifier("id")
        first = self._ids.setdefault(name, entry)
        if name and first is not entry:
            place = f"{first.file.text.file}:{first.node.start_mark.line + 1}"
            entry.wrong("id", f'rule "{name}" is there twice', f"the first is at {place}")
        return name

    def _common(self, entry: Entry, area: Area, when: Condition | None) -> Rule | None:
        """What rules and obligations share; None when something of it is wrong."""
        name = self._claim(entry)
        requirement = entry.choice("requirement", REQUIREMENTS)
        category = self._category(entry, area)
        title, clause = entry.text("title"), entry.text("clause")
        severity = entry.choice("severity", [one.value for one in Severity])
        stage = entry.choice("stage", [one.value for one in Stage])
        recommended = entry.choice("recommended", [one.value for one in Action])
        starts, ends = entry.date("from"), entry.date("to")
        if starts is not None and starts < self._starts:
            entry.wrong("from", "before the bundle is in force", "leave it out, or take a later date")
        if ends is not None and ends <= (starts or self._starts):
            entry.wrong("to", "the end comes before the start", "the rule would never be in force")
        if not all((name, requirement, category, title, clause, severity, stage, recommended)) or when is None:
            return None
        return Rule(
            id=name,
            requirement=requirement,
            area=area,
            category=category,
            title=title,
            clause=clause,
            severity=Severity(severity),
            stage=Stage(stage),
            recommended=Action(recommended),
            starts=starts or self._starts,
            ends=ends,
            when=when,
        )

    def _rule(self, entry: Entry, area: Area) -> Rule | None:
        when, unless = self._condition(entry, "when"), self._condition(entry, "unless", required=False)
        rule = self._common(entry, area, when)
        entry.done()
        if when is not None and when.reads.rates and (when.reads.others or unless is not None):
            entry.wrong("when", "a rule with rate(…) may read only rates", "put the rest in a rule of its own")
            return None
        if rule is None:
            return None
        return rule._replace(unless=unless)

    def _category(self, entry: Entry, area: Area) -> str:
        allowed = [category for category, its in CATEGORY_AREA.items() if its is area]
        category = entry.text("category")
        if category and category not in allowed:
            if category in CATEGORY_AREA:
                hint = f"the category belongs to {CATEGORY_AREA[category].value}"
                entry.wrong("category", f'"{category}" is no category of {area.value}', hint)
            else:
                hint = did_you_mean(category, allowed)
                entry.wrong("category", f'unknown category "{category}"', hint)
            return ""
        return category

    def _condition(self, entry: Entry, key: str, required: bool = True) -> Condition | None:
        place = entry.raw(key, required)
        if place is None:
            return None
        found = Condition.at(entry.file.text, *place, self._vocabulary)
        if isinstance(found, Mistake):
            entry.file.mistakes.append(found)
            return None
        return found

    def _obligation(self, entry: Entry, area: Area, rules: list[Rule]) -> Obligation | None:
        applies = self._condition(entry, "applies")
        needs = self._needs(entry)
        rule = self._common(entry, area, applies)
        partly = entry.choice("partial", [one.value for one in Severity]) if entry.has("partial") else ""
        entry.done()
        if rule is None or applies is None or not needs:
            return None
        missing = " and ".join(f"not ({need.text})" for _, need in needs)
        rules.append(self._duty(rule, "missing", f"({applies.text}\n) and {missing}"))
        if len(needs) > 1:
            some = " or ".join(need.text for _, need in needs)
            lacking = " or ".join(f"not ({need.text})" for _, need in needs)
            partial = self._duty(rule, "partial", f"({applies.text}\n) and ({some}) and ({lacking})")
            rules.append(partial._replace(severity=Severity(partly) if partly else rule.severity))
        return Obligation(rule.id, applies, tuple(needs))

    def _needs(self, entry: Entry) -> list[tuple[str, Condition]]:
        found = []
        for need, node in entry.words("needs", required=True):
            if need not in self._vocabulary.disclosures:
                hint = did_you_mean(need, list(self._vocabulary.disclosures))
                entry.wrong(node, f'unknown disclosure "{need}"', hint)
                continue
            trait = self._vocabulary.disclosures[need]
            shown = f" or trait({trait}) >= {self._vocabulary.thresholds.get('notice', 50)}" if trait else ""
            found.append((need, Condition.of(f"disclosed({need}){shown}", self._vocabulary)))
        return found

    def _duty(self, rule: Rule, ending: str, text: str) -> Rule:
        """One of the rules that an obligation stands for. Its score is that of where it applies."""
        when = Condition.of(text, self._vocabulary)
        when.reads.scored.clear()
        when.reads.scored.update(rule.when.reads.scored)
        return rule._replace(id=f"{rule.id}.{ending}", when=when, obligation=rule.id)

    def _once(self, rules: list[Rule]) -> None:
        """An obligation's rules take ids of their own, which no rule may have as well."""
        for rule in rules:
            if rule.obligation is not None and rule.id in self._ids:
                message = f'obligation "{rule.obligation}" makes a rule of this id'
                self._ids[rule.id].wrong("id", message, "rename one of them")

    def _every_category(self, head: Entry, rules: list[Rule]) -> None:
        there = {rule.category for rule in rules}
        broken = {name for name, file in self._files.items() if file.mistakes}
        for category, area in CATEGORY_AREA.items():
            if category not in there and f"{area.value}.yaml" not in broken:
                hint = f"add one to {area.value}.yaml"
                head.wrong(None, f'category "{category}" has no rule', hint)
