"""``archiver schema``: the JSON Schema that editors check specs with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

if TYPE_CHECKING:
    from servers.console import Console

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted((ROOT / "specs").glob("*.yaml"))


@pytest.fixture
def schema(console: Console) -> Any:
    """The schema, as printed."""
    return console.succeed("schema").json


def test_the_schema_is_a_schema(schema: Any) -> None:
    """What is printed is itself a valid JSON Schema and says which dialect it follows."""
    assert "$schema" in schema
    jsonschema.validators.validator_for(schema).check_schema(schema)


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.name)
def test_shipped_specs_satisfy_the_schema(schema: Any, spec: Path) -> None:
    """Every spec that ships with the program satisfies the schema."""
    jsonschema.validate(yaml.safe_load(spec.read_text("utf-8")), schema)


@pytest.mark.parametrize(
    "document",
    [
        {"project": "a", "docz": []},
        {"project": "a", "docs": [{"seeds": []}]},
        {"project": "a", "docs": [{"seeds": "http://example.org/"}]},
        {"docs": [{"seeds": ["http://example.org/"]}]},
        {"project": "a", "images": {"platforms": "linux/amd64"}},
        {"project": "a", "images": {"platforms": []}},
        {"project": "a", "images": {"repositories": [{"tags": "*"}]}},
        {"project": "a", "images": {"repositories": [{"repository": "redis", "latest": 0}]}},
        {"project": "a", "registries": {"docker.io": {"connections": 33}}},
        {"project": "a", "registries": {"docker.io": {"tls": {"cafile": "x"}}}},
        {"project": "a", "registries": ["docker.io"]},
        {"project": "a", "files": [{}]},
        {"project": "a", "files": [{"url": "http://example.org/a", "index": "http://example.org/"}]},
        {"project": "a", "files": [{"index": "http://example.org/"}]},
        {"project": "a", "files": [{"index": "http://example.org/", "include": []}]},
        {"project": "a", "files": [{"url": "http://example.org/a", "include": ["*"]}]},
    ],
)
def test_the_schema_refuses_what_check_refuses(schema: Any, document: Any) -> None:
    """Unknown keys, wrong types and missing keys are errors for an editor too."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


@pytest.mark.parametrize(
    "part",
    [
        {"images": {"platforms": "all", "repositories": [{"repository": "redis", "tags": "7.*"}]}},
        {"images": {"platforms": ["all"], "repositories": [{"repository": "redis", "tags": ["7", "8"], "latest": 3}]}},
        {"registries": {"docker.io": {"mirrors": ["mirror.gcr.io"], "tls": {"verify": False}, "auth": None}}},
        {"files": [{"url": "http://example.org/a", "checksums": "SUMS"}]},
        {"files": [{"index": "http://example.org/", "include": "*.tgz", "exclude": ["*-rc*"]}]},
    ],
)  # fmt: skip
def test_the_schema_takes_what_check_takes(schema: Any, part: Any) -> None:
    """Words and single values in place of lists, and either kind of a file's entry, are fine for an editor too."""
    jsonschema.validate({"project": "a", **part}, schema)


def test_every_key_is_described(schema: Any) -> None:
    """Each key that a spec may have is documented in specs/README.md."""
    documented = (ROOT / "specs" / "README.md").read_text("utf-8")
    objects = [schema, *schema.get("$defs", {}).values()]
    keys = {key for each in objects for key in each.get("properties", {})}
    assert {"project", "seeds", "refs", "sha256"} <= keys
    assert not {key for key in keys if key not in documented}
