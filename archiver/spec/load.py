"""Loading specs from YAML: every complaint has its file and line, and all of them are told at once."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping

import yaml
from pydantic import BaseModel, ValidationError

from archiver.core.amounts import parse_duration
from archiver.core.digest import Digest
from archiver.core.errors import SpecError
from archiver.core.judgement import FILES, IMAGES
from archiver.spec.model import Spec
from archiver.spec.registries import location

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

_LIMIT = 1 << 20  # bytes; a spec is written by hand
_MOST_NODES = 100_000  # a YAML file can name one node many times; this bounds what it unfolds to
_MOST_DEPTH = 32
_DECIDES_CRAWL = {"name", "seeds", "scope", "traps", "sitemaps", "robots"}
_KEEPERS_OWN = {"on_degraded"}  # says nothing of what is archived, and is nobody's business who gets a bundle

_At = tuple["str | int", ...]  # where a value is: keys and list positions from the top


@dataclass(frozen=True)
class LoadedSpec:
    """A valid spec and where it came from.

    ``digest`` is of what decides which URLs are crawled: a run that was interrupted goes on as long as that
    is the same. ``lines`` says in which line each value begins.
    """

    spec: Spec
    path: Path
    digest: Digest
    lines: Mapping[_At, int]

    def place(self, *at: str | int) -> str:
        """Return ``file:line`` of a value, named by the keys and list positions that lead to it."""
        while at and at not in self.lines:
            at = at[:-1]
        return f"{self.path}:{self.lines.get(at, 1)}"

    @property
    def folder(self) -> Path:
        """The folder that relative paths in the spec start from."""
        return self.path.parent

    @property
    def record(self) -> dict[str, Any]:
        """The spec as plain data, for the snapshot record; what concerns the keeper's machine alone is left out."""
        return self.spec.model_dump(mode="json", exclude=_KEEPERS_OWN)


def load_spec(path: Path) -> LoadedSpec:
    """Read and check a spec file.

    Raises:
        SpecError: the file cannot be read, is not YAML, or is not a valid spec. ``place`` is
            ``file:line``; ``more`` holds the further problems.
    """
    text = _read(path)
    data, lines = _parse(text, path)
    if not isinstance(data, dict):
        raise SpecError("a spec is a mapping that begins with 'project:'", place=f"{path}:1")
    try:
        spec = Spec.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise _in_order(_problem(detail, lines, path) for detail in _telling(error.errors())) from None
    problems = [
        *_repeated_names(spec, lines, path),
        *_unknown_retired(spec, lines, path),
        *_contradicting_intervals(spec, lines, path),
    ]
    if problems:
        raise _in_order(problems)
    lines.update(_by_canonical_names(lines))
    crawled = [site.model_dump(mode="json", include=_DECIDES_CRAWL) for site in spec.docs]
    return LoadedSpec(spec, path, Digest.of(json.dumps(crawled, sort_keys=True).encode()), lines)


def spec_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) that editors and CI can check specs with."""
    schema = Spec.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _by_canonical_names(lines: Mapping[_At, int]) -> dict[_At, int]:
    """Return where the entries of registries are that are written under another name than the model has for them."""
    return {
        ("registries", location(str(at[1])), *at[2:]): line
        for at, line in lines.items()
        if at[0:1] == ("registries",) and at[1:] and at[1] != _KEY
    }


class _Loader(yaml.SafeLoader):
    """YAML with JSON's types only: no dates, and ``no``, ``on`` and ``yes`` are words (locale codes are)."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way to say it
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"\A(?:true|false)\Z"), ["t", "f"])


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LIMIT + 1)
    except OSError as error:
        raise SpecError(f"cannot be read: {error.strerror}", place=str(path)) from error
    if len(raw) > _LIMIT:
        raise SpecError(f"larger than {_LIMIT} bytes", place=str(path))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpecError("not UTF-8 text", place=f"{path}:{line}") from error


def _parse(text: str, path: Path) -> tuple[Any, dict[_At, int]]:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines = dict(_lines(node, path)) if node is not None else {}
        return (loader.construct_document(node) if node is not None else None), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise SpecError(f"not valid YAML: {error.problem or error.context}", place=place) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SpecError(f"not valid YAML: {error}"[:300], place=str(path)) from error
    finally:
        loader.dispose()


def _lines(root: yaml.Node, path: Path) -> Iterator[tuple[_At, int]]:
    waiting: list[tuple[_At, yaml.Node]] = [((), root)]
    count = 0
    while waiting:
        at, node = waiting.pop()
        count += 1
        if count > _MOST_NODES or len(at) > _MOST_DEPTH:
            raise SpecError("unfolds to more values, or deeper, than a spec can have", place=str(path))
        yield at, node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key, value in node.value:
                name, line = str(key.value), key.start_mark.line + 1
                if name in seen:
                    raise SpecError(
                        f"key {name!r} is here twice; it was in line {seen[name]} already",
                        place=f"{path}:{line}",
                    )
                seen[name] = line
                yield (*at, name, _KEY), line
                waiting.append(((*at, name), value))
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(((*at, index), value) for index, value in enumerate(node.value))


_KEY = "\0key"  # marks the line of a mapping's key, as against that of its value


_ADVICE = "specs/README.md lists every key and what it takes"
_MESSAGES = {
    "string_type": "not a string",
    "tuple_type": "not a list",
    "model_type": "not a mapping",
    "model_attributes_type": "not a mapping",
    "too_short": "an empty list",
    "string_too_short": "empty",
    "one_value": "not a single value",
    "bool_type": "neither true nor false",
    "int_type": "not a whole number",
    "float_type": "not a number",
}
_HINTS = {
    "string_type": "put the value in quotes",
    "tuple_type": "write each item on a line of its own that begins with '- '",
    "model_type": "write its keys on lines of their own, indented",
    "model_attributes_type": "write its keys on lines of their own, indented",
    "too_short": "give at least one",
    "string_too_short": "give it a value, or leave it out",
    "greater_than_equal": "give a larger number",
    "less_than_equal": "give a smaller number",
    "one_value": "write one value, without [ ] or { }",
    "bool_type": "write true or false, without quotes",
    "int_type": "write digits, without quotes",
    "float_type": "write digits, without quotes",
}


def _in_order(problems: Iterable[SpecError]) -> SpecError:
    return SpecError.joined(
        sorted(problems, key=lambda problem: int((problem.place or "").rpartition(":")[2]))
    )


def _telling(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out that a list is too short where its items are wrong, which is the reason."""
    at = [detail["loc"] for detail in details]
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(len(loc) > len(detail["loc"]) and loc[: len(detail["loc"])] == detail["loc"] for loc in at)
    ]


def _repeated_names(spec: Spec, lines: dict[_At, int], path: Path) -> list[SpecError]:
    problems = []
    first_line: dict[str, int] = {}
    for index, site in enumerate(spec.docs):
        line = lines.get(("docs", index, "name")) or lines[("docs", index)]
        if site.name in first_line:
            message = f"another doc site is named {site.name!r}, in line {first_line[site.name]}"
            problems.append(
                SpecError(message, place=f"{path}:{line}", hint="give each site a 'name' of its own")
            )
        first_line.setdefault(site.name, line)
    return problems


def _unknown_retired(spec: Spec, lines: dict[_At, int], path: Path) -> list[SpecError]:
    sources = [site.name for site in spec.docs]
    sources += [IMAGES] if spec.asked_images is not None else []
    sources += [FILES] if spec.files else []
    return [
        SpecError(
            f"{name!r:.80} is none of the spec's sources",
            place=f"{path}:{lines[('retired', index)]}",
            hint=f"it has {', '.join(sources)}",
        )
        for index, name in enumerate(spec.retired)
        if name not in sources
    ]


def _contradicting_intervals(spec: Spec, lines: dict[_At, int], path: Path) -> list[SpecError]:
    """Return where a bound that is written down lies below the interval that it is a bound of."""
    bounded: list[tuple[_At, str, str]] = []
    if "at_least_every" in spec.model_fields_set:
        bounded.append((("at_least_every",), spec.every, spec.at_least_every))
    for index, site in enumerate(spec.docs):
        if site.at_least_every is not None:
            at: _At = ("docs", index, "at_least_every")
            bounded.append((at, site.every or spec.every, site.at_least_every))
        elif site.every is not None and "at_least_every" in spec.model_fields_set:
            bounded.append((("docs", index, "every"), site.every, spec.at_least_every))
    return [
        SpecError(
            f"{_dotted(at)}: pages are to be asked for at least every {most}, and not before {every} have passed",
            place=f"{path}:{lines[at]}",
            hint="at_least_every is for pages that never change: give it a longer time than every, or leave it out",
        )
        for at, every, most in bounded
        if parse_duration(most) < parse_duration(every)
    ]


def _dotted(at: _At) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at)
    return text.lstrip(".") or "the spec"


def _problem(detail: ErrorDetails, lines: dict[_At, int], path: Path) -> SpecError:
    context = detail.get("ctx", {})
    at, known = _walked((*detail["loc"], *context.get("at", ())))
    kind, where = detail["type"], _dotted(at)
    by_key = kind == "extra_forbidden" or detail["loc"][-1:] == ("[key]",) or bool(context.get("at"))
    line = lines.get((*at, _KEY)) if by_key else lines.get(at)
    shorter = at
    while line is None and shorter:
        shorter = shorter[:-1]
        line = lines.get(shorter)
    place = f"{path}:{line or 1}"
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(str(at[-1]), known, 1, 0.5)
        advice = f"did you mean {close[0]!r}?" if close else f"keys known here: {', '.join(known)}"
        return SpecError(f"unknown key {at[-1]!r}", place=place, hint=advice)
    if kind == "missing":
        return SpecError(f"{where} is missing", place=place, hint=f"add a line with {at[-1]}: here")
    if detail["input"] is None:
        return SpecError(f"{where} is empty", place=place, hint="give it a value, or leave the key out")
    if isinstance(detail["input"], (list, dict)) and kind == "string_type":
        kind = "one_value"
    message = _MESSAGES.get(kind) or detail["msg"]
    hint = context.get("hint") or _HINTS.get(kind)
    return SpecError(f"{where}: {message[:1].lower() + message[1:]}", place=place, hint=hint or _ADVICE)


def _walked(loc: _At) -> tuple[_At, list[str]]:
    """Return where a spec has what pydantic names by ``loc``, and the keys of the innermost mapping on the way."""
    at: list[str | int] = []
    models: list[type[BaseModel]] = [Spec]
    for part in loc:
        meant = [model for model in models if len(models) > 1 and model.__name__ == part]
        if meant:  # no key, but which of several models the value was taken for
            models = meant
        elif part != "[key]":
            at.append(part)
            inner = [each for model in models for each in _models_at(model, part)]
            models = inner or models
    return tuple(at), [key for model in models for key in model.model_fields]


def _models_at(model: type[BaseModel], key: str | int) -> Iterator[type[BaseModel]]:
    if isinstance(key, str) and key in model.model_fields:
        yield from _models_in(model.model_fields[key].annotation)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)
