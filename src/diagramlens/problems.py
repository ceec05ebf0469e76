"""What is wrong with a file that a pydantic schema refused, one line for each problem.

A line has the dotted key, the value found and what is allowed, with a guess where a key or a choice looks misspelt:

    lora.droupout = 0.05: unknown key, did you mean dropout? lora has r, alpha, dropout, targets, use_rslora, use_dora, b_rate_ratio
    train.batch = 0: must be at least 1
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ValidationError

Location = tuple[int | str, ...]

_ALLOWED: Mapping[str, str] = {
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must match {pattern}",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} entries",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "list_type": "must be a list",
}


def problem_lines(error: ValidationError, content: Mapping[str, Any], schema: type[BaseModel]) -> list[str]:
    """One line for each problem of `content`, misspelt keys first.

    A misspelt key would be reported twice, as unknown and as missing under its right name; the second is left out.
    """
    found = error.errors(include_url=False)
    missing = {_key_path(item["loc"], content)[0] for item in found if item["type"] == "missing"}
    unknown: list[str] = []
    misspelt: set[str] = set()
    for item in found:
        if item["type"] != "extra_forbidden":
            continue
        path, value = _key_path(item["loc"], content)
        key = str(item["loc"][-1])  # which may hold a dot
        parent = path.removesuffix(key).removesuffix(".")
        known = _known_keys(item["loc"][:-1], schema)
        guesses = [name for name in known if _joined(parent, name) in missing] or known
        close = difflib.get_close_matches(key, guesses, 1, 0.5)
        misspelt.update(_joined(parent, name) for name in close)
        unknown.append(
            f"{path} = {shown(value)}: unknown key{suggestion(key, guesses)} {parent or 'the file'} has {', '.join(known)}"
        )
    others = []
    for item in found:
        path, value = _key_path(item["loc"], content)
        if item["type"] != "extra_forbidden" and not (item["type"] == "missing" and path in misspelt):
            others.append(_problem(item, path, value))
    return unknown + others


def suggestion(name: str, choices: Iterable[str]) -> str:
    """`, did you mean dropout?` where a choice is close to the name, else `;`."""
    close = difflib.get_close_matches(name, list(choices), 1, 0.5)
    return f", did you mean {close[0]}?" if close else ";"


def shown(value: Any) -> str:
    """A value as YAML would write it, on one line, at most 60 characters."""
    if isinstance(value, dict):
        return "{…}" if value else "{}"
    if isinstance(value, str):
        text = f'"{" ".join(value.split())}"'
    elif isinstance(value, list):
        text = f"[{', '.join(item if isinstance(item, str) else shown(item) for item in value)}]"
    else:
        text = {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))
    return text if len(text) <= 60 else text[:59] + "…"


def _problem(item: Any, path: str, value: Any) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "missing":
        return f"{path}: missing, and there are no defaults: add it"
    if kind == "union_tag_not_found":
        return f"{_joined(path, _unquoted(context['discriminator']))}: missing, and there are no defaults: add it"
    if kind == "value_error":
        # A rule between the keys of one group names the keys itself, so the group's content is not repeated.
        return f"{path}{'' if isinstance(value, dict) else f' = {shown(value)}'}: {context['error']}"
    if kind == "union_tag_invalid":
        tag = _unquoted(context["discriminator"])
        return _wrong_choice(_joined(path, tag), value.get(tag), context["expected_tags"])
    if item["loc"][-1] == "[key]":
        choices = _choices(context.get("expected", ""))
        return f"{path}: unknown key{suggestion(str(item['input']), choices)} it must be one of {', '.join(choices)}"
    if kind == "literal_error":
        return _wrong_choice(path, value, context["expected"])
    allowed = _ALLOWED[kind].format(**context) if kind in _ALLOWED else item["msg"]
    return f"{path} = {shown(value)}: {allowed}"


def _wrong_choice(path: str, value: Any, expected: str) -> str:
    choices = _choices(expected)
    guess = suggestion(str(value), choices).rstrip(";")
    return f"{path} = {shown(value)}: must be {' or '.join(choices)}{guess}"


def _choices(expected: str) -> list[str]:
    """pydantic lists choices as text: `'a', 'b' or 'c'`, or `0 or 1`."""
    return re.findall(r"'([^']*)'", expected) or re.findall(r"\d+", expected)


def _unquoted(discriminator: str) -> str:
    return discriminator.strip("'")


def _joined(parent: str, key: str) -> str:
    return f"{parent}.{key}" if parent else key


def _key_path(location: Location, content: Any) -> tuple[str, Any]:
    """The dotted key of an error and its value; pydantic's own steps (a union's tag, `[key]`) are left out."""
    keys: list[str] = []
    value = content
    for position, step in enumerate(location):
        in_mapping = isinstance(value, dict) and step in value
        in_list = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if in_mapping or in_list:
            keys.append(str(step))
            value = value[step]
        elif position == len(location) - 1 and step != "[key]" and isinstance(value, dict):
            keys.append(str(step))
            value = None
    return ".".join(keys), value


def _known_keys(location: Location, schema: type[BaseModel]) -> list[str]:
    """The keys of the group at a location, found by walking the schema along it."""
    kind: Any = schema
    for step in location:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[str(step)].annotation
        else:
            arguments = typing.get_args(kind)
            is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
            # A union's step is the tag of the choice taken; a mapping's or a list's is a key or an index.
            kind = next(choice for choice in arguments if _has_tag(choice, str(step))) if is_union else arguments[-1]
        while typing.get_origin(kind) is Annotated:
            kind = typing.get_args(kind)[0]
    return list(kind.model_fields)


def _has_tag(choice: type[BaseModel], tag: str) -> bool:
    return any(tag in typing.get_args(field.annotation) for field in choice.model_fields.values())
