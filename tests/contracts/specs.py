"""Validators made from the vendors' own contract files.

    from tests.contracts.specs import spec_validator

    spec_validator("jpm-v2", "PATCH", "/jobs/{id}", kind="request").validate(body)
    spec_validator("marcone-contract", "POST", "/parts/lookup", closed=True).validate(answer)

The files are third-party data and stay outside this repository: `../shared/contracts` beside it, or the folder named
by `TRUCKROLL_CONTRACTS`. Without them a test that asks for a validator is skipped, and says why.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

CONTRACTS = Path(os.environ.get("TRUCKROLL_CONTRACTS") or Path(__file__).parents[2].parent / "shared" / "contracts")

COMBINERS = ("allOf", "anyOf", "oneOf")


@cache
def load_spec(file: str) -> dict[str, Any]:
    """Return the contract `file` (its name without the ending, with its folder where two share it), parsed."""
    if not CONTRACTS.is_dir():
        pytest.skip(f"no contract files at {CONTRACTS}: set TRUCKROLL_CONTRACTS to the folder that holds them")
    for path in sorted(CONTRACTS.glob(f"{file}.*" if "/" in file else f"*/{file}.*")):
        if path.suffix == ".json":
            return dict(json.loads(path.read_text(encoding="utf-8")))
        if path.suffix in {".yaml", ".yml"}:
            return dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    raise LookupError(f"no contract named {file} in {CONTRACTS}")


def spec_operation(file: str, method: str, path: str) -> dict[str, Any]:
    """Return one operation. `path` may leave out ServiceTitan's `/tenant/{tenant}`."""
    paths = load_spec(file)["paths"]
    item = paths.get(path) or paths.get("/tenant/{tenant}" + path)
    if item is None or method.lower() not in item:
        raise LookupError(f"{file} has no {method} {path}")
    return dict(item[method.lower()])


def spec_query_names(file: str, method: str, path: str) -> set[str]:
    """Return the names of the query parameters the operation knows."""
    parameters = [_follow(file, one) for one in spec_operation(file, method, path).get("parameters", [])]
    return {one["name"] for one in parameters if one["in"] == "query"}


def spec_path(file: str, method: str, path: str) -> str:
    """Return the contract's own spelling of a path that holds ids: `/jobs/5` is `/jobs/{id}`."""
    steps = path.strip("/").split("/")
    fitting: list[list[str]] = []
    for known, item in load_spec(file)["paths"].items():
        named = known.removeprefix("/tenant/{tenant}").strip("/").split("/")
        same = len(named) == len(steps) and all(
            one == other or one.startswith("{") for one, other in zip(named, steps, strict=True)
        )
        if same and method.lower() in item:
            fitting.append(named)
    if not fitting:
        raise LookupError(f"{file} has no {method} {path}")
    plainest = min(fitting, key=lambda named: sum(step.startswith("{") for step in named))
    return "/" + "/".join(plainest)


@cache
def spec_schema_validator(file: str, name: str) -> Draft202012Validator:
    """Return a validator of one named schema, for what no operation answers, such as a webhook's body."""
    parts = {"schemas": _components(file, closed=False), "parts": _components(file, closed=False)}
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": parts},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


@cache
def spec_query_validator(file: str, method: str, path: str, name: str) -> Draft202012Validator:
    """Return a validator of one query value: text where the contract says text, a number where it says number."""
    parameters = [_follow(file, one) for one in spec_operation(file, method, path).get("parameters", [])]
    schema = next(one["schema"] for one in parameters if one["in"] == "query" and one["name"] == name)
    plain = _as_json_schema(schema, closed=False)
    loose = {"anyOf": [plain, {"type": "integer"}]} if _is_text(plain) else plain
    parts = {"schemas": _components(file, closed=False), "parts": _components(file, closed=False)}
    return Draft202012Validator({**loose, "components": parts}, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _is_text(schema: dict[str, Any]) -> bool:
    """Tell whether it is any text; digits are text too. An enum is not any text."""
    options = schema.get("anyOf", [schema])
    return any(one.get("type") == "string" and not {"oneOf", "enum", "format"} & set(one) for one in options)


@cache
def spec_validator(
    file: str,
    method: str,
    path: str,
    kind: Literal["response", "request"] = "response",
    status: int = 200,
    *,
    closed: bool = False,
) -> Draft202012Validator:
    """Return a JSON Schema validator of one operation's body, `$ref`s resolved and OpenAPI's `nullable` understood.

    `closed` also refuses fields the contract does not list where it leaves that open (Marcone's file does).
    Call `.validate(body)` on the result: it raises `jsonschema.ValidationError`, naming the field.
    """
    operation = spec_operation(file, method, path)
    part = operation["requestBody"] if kind == "request" else operation["responses"][str(status)]
    part = _follow(file, part)
    content = part.get("content")
    if not content:
        raise LookupError(f"{file} {method} {path}: the {kind} has no body")
    media = content.get("application/json") or next(iter(content.values()))
    schema = {
        **_as_json_schema(media["schema"], closed=closed),
        "components": {"schemas": _components(file, closed=closed), "parts": _components(file, closed=False)},
    }
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _components(file: str, *, closed: bool) -> dict[str, Any]:
    named = load_spec(file).get("components", {}).get("schemas", {})
    return {name: _as_json_schema(one, closed=closed) for name, one in named.items()}


def _follow(file: str, part: dict[str, Any]) -> dict[str, Any]:
    """Follow a `$ref` that stands for a whole response or request body."""
    if "$ref" not in part:
        return part
    found: Any = load_spec(file)
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def _as_json_schema(schema: Any, *, closed: bool, within_all_of: bool = False) -> Any:
    """Turn an OpenAPI 3.0 schema into JSON Schema 2020-12: only `nullable` differs in what these files use."""
    if not isinstance(schema, dict):
        return schema
    plain = {
        key: _as_keyword(key, value, closed=closed, within_all_of=within_all_of)
        for key, value in schema.items()
        if key not in {"nullable", "example", "default", "description"} and not key.startswith("x-")
    }
    is_open_object = "additionalProperties" not in plain and ("properties" in plain or "allOf" in plain)
    if closed and is_open_object and not within_all_of:
        plain["unevaluatedProperties"] = False
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") else plain


def _as_keyword(key: str, value: Any, *, closed: bool, within_all_of: bool) -> Any:
    if key == "properties":
        return {name: _as_json_schema(one, closed=closed) for name, one in value.items()}
    if key in COMBINERS:
        return [_as_json_schema(one, closed=closed, within_all_of=key == "allOf") for one in value]
    if key in {"items", "additionalProperties"}:
        return _as_json_schema(value, closed=closed)
    if key == "$ref" and within_all_of:
        # One part of a whole: the whole is closed, the part must stay open for its neighbours.
        return value.replace("/schemas/", "/parts/")
    return value
