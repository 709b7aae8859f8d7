"""Shop files as text: written by `truckroll setup`, read by people."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

HEADER = (
    "# Written by `truckroll setup`; docs/shop.example.toml explains every setting.\n"
    "# ${NAME} is read from the environment and never shown."
)

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def render(written: Mapping[str, Any], *, header: str = HEADER) -> str:
    """Write a shop file's contents as TOML: texts, numbers, lists, and tables within tables."""
    return "\n".join([header, *_table((), written)]).rstrip() + "\n"


def save(path: Path, words: str) -> Path | None:
    """Write the file whole or not at all; return where the file that was there before is kept, if one was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = path.with_name(f"{path.name}.before")
    had_one = path.exists()
    if had_one:
        kept.write_bytes(path.read_bytes())
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(words, encoding="utf-8")
    fresh.replace(path)
    return kept if had_one else None


def _table(path: tuple[str, ...], table: Mapping[str, Any]) -> list[str]:
    lines = [f"{_key(name)} = {_value(one)}" for name, one in table.items() if not _is_table(one)]
    for name, one in table.items():
        inner = (*path, name)
        if isinstance(one, Mapping):
            lines += ["", f"[{_path(inner)}]", *_table(inner, one)]
        elif _is_table(one):
            for each in one:
                lines += ["", f"[[{_path(inner)}]]", *_table(inner, each)]
    return lines


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))


def _path(names: tuple[str, ...]) -> str:
    return ".".join(_key(name) for name in names)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(_value(one) for one in value)}]"
    return _text(str(value))


def _text(value: str) -> str:
    # JSON's escapes are TOML's, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
