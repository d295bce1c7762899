"""Every setting as people look for it: name, variable, kind, default, meaning; and the page that lists them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from streams.settings import Settings

__all__ = ["Row", "page", "rows", "shown"]

MASK = "**********"
_BOUNDS = {"ge": "from {}", "gt": "over {}", "le": "to {}", "lt": "under {}"}
_KINDS: dict[Any, str] = {str: "text", int: "integer", float: "number", bool: "true, false", Path: "path"}
_BEGIN = """# Configuration

Every setting, as `streams settings --reference` prints it. Order: the environment, then the file named by `--config` or
`STREAMS_CONFIG` (TOML), then the default. `streams settings` shows what is in force here, and where it comes from. All
mistakes are told at once, with exit code 2. Secrets belong into the environment, and are masked wherever settings are
shown. A list in a variable is JSON: `STREAMS_KAFKA__ALLOW_PLAINTEXT='["kafka"]'`.
"""


class Row(NamedTuple):
    """One setting. `path` leads to it in `Settings`; `section` is empty for those without one."""

    path: tuple[str, ...]
    section: str
    kind: str
    default: str
    meaning: str

    @property
    def name(self) -> str:
        """As in messages: `kafka.bootstrap`."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "STREAMS_" + "__".join(self.path).upper()


def rows(model: type[BaseModel] = Settings, before: tuple[str, ...] = (), section: str = "") -> Iterator[Row]:
    """All settings in the order of the code, those without a section first."""
    groups = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            groups.append((name, kind))
        else:
            yield Row((*before, name), section, _kind(field), shown(field.default), field.description or "")
    for name, inner in groups:
        yield from rows(inner, (*before, name), (inner.__doc__ or name).splitlines()[0])


def shown(value: Any) -> str:
    """A value for people; of a secret, that there is one."""
    if value is None:
        return "–"
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ", ".join(map(shown, value)) or "–"
    return str(value)


def page() -> str:
    """docs/configuration.md."""
    lines, section = [_BEGIN], None
    for row in rows():
        if row.section != section:
            section = row.section
            title = f"{row.path[0]}: {section[0].lower()}{section[1:].rstrip('.')}" if section else "The deployment"
            lines.append(f"## {title}\n| setting | variable | kind | default | meaning |\n|---|---|---|---|---|")
        default = "–" if row.default == "–" else f"`{row.default}`"
        lines.append(f"| `{row.name}` | `{row.variable}` | {row.kind} | {default} | {row.meaning} |")
        if _is_last(row):
            lines.append("")
    return "\n".join(lines)


def _is_last(row: Row) -> bool:
    return row == [one for one in rows() if one.section == row.section][-1]


def _kind(field: FieldInfo) -> str:
    bounds = [
        text.format(format(value, "," if isinstance(value, int) else "g"))
        for limit in field.metadata
        for name, text in _BOUNDS.items()
        if (value := getattr(limit, name, None)) is not None
    ]
    ids = field.annotation is not None and any(getattr(limit, "pattern", None) for limit in field.metadata)
    return " ".join(["id" if ids else _named(field.annotation), *bounds])


def _named(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is Literal:
        return ", ".join(get_args(kind))
    if origin is Annotated:  # the only one inside another kind
        return "id"
    if origin in (Union, UnionType):
        (inner,) = [one for one in get_args(kind) if one is not NoneType]
        return _named(inner)
    if origin is tuple:
        return f"list of {_named(get_args(kind)[0])}"
    if kind is SecretStr:
        return "secret"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(str(one.value) for one in kind)
    return _KINDS[kind]
