"""What the policy pairs promise to others: their form, and that nothing trains on the test split."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import msgspec

from pairs import Text, load, training

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "pairs" / "schema.json"
MEASURES = {"pairs/loading.py", "pairs/__init__.py"}


def test_the_schema_is_the_one_of_the_loader() -> None:
    made = json.loads(msgspec.json.encode(msgspec.json.schema(Text)))
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == made


def test_what_may_be_trained_on_is_everything_but_the_test_split() -> None:
    splits = {text.id: text.split for text in load()}
    assert {text.id for text in training()} == {name for name, split in splits.items() if split != "test"}
    assert 0.2 < sum(split == "test" for split in splits.values()) / len(splits) < 0.3


def test_only_the_data_sets_own_code_and_tests_load_the_test_split() -> None:
    """Whatever trains calls `training()`; `load` would hand it the test split."""
    loading = []
    for folder in ("streams", "bench", "pairs"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module in ("pairs", "pairs.loading"):
                    loading += [str(path.relative_to(ROOT)) for name in node.names if name.name == "load"]
    assert set(loading) <= MEASURES
