"""The keeper's guides tell the truth: their specs are valid, their tables complete, their example is what happens."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Iterator

import pytest
import yaml

from archiver.collect.images.tags import ExactRule, PatternRule, RangeRule, chosen_tags, parse_rule
from archiver.collect.images.versions import tag_version
from archiver.collect.preflight import checked_spec
from archiver.collect.web import limits, traps
from archiver.collect.web.report import is_missed
from archiver.collect.web.scope import Scope
from archiver.core import reasons
from archiver.core.errors import ArchiverError, ContentError, FetchError
from archiver.spec.images import TagSelection
from servers.console import Console
from servers.guide import guide_site

ROOT = Path(__file__).resolve().parents[2]
CRAWLING = "docs/crawling.md"
MIRRORING = "docs/mirroring.md"
HANDING_OVER = "docs/handing-over.md"
_BLOCK = re.compile(r"^```yaml\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| `([^`]+)` \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)

REASONS = {
    *(reasons.EXCLUDED, reasons.OUTSIDE, reasons.NOT_WEB, reasons.OTHER_VERSION, reasons.OTHER_LOCALE),
    *(traps.TOO_DEEP, traps.REPEATED, traps.CALENDAR, traps.QUERIES, traps.SESSION, traps.SORTED),
    *(reasons.REDIRECT_LOOP, reasons.TOO_MANY_REDIRECTS, reasons.NOT_THERE, reasons.TOO_LONG),
    *(reasons.ROBOTS, reasons.NO_ROBOTS, reasons.PRIVATE, reasons.DEAD_HOST, reasons.BUSY_HOST),
    reasons.GONE_UPSTREAM,
    *limits.REASONS,
}
MARKS = {
    *(reasons.SOFT_404, reasons.LOGIN, reasons.PARKED, reasons.NOT_THE_FILE, reasons.CATCH_ALL),
    *(reasons.SCRIPT_ONLY, reasons.TAKEN_DOWN),
}


def _text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def _specs(name: str) -> Iterator[tuple[str, str]]:
    """Yield the specs of a document as whole ones, each with what stands between it and the next one."""
    _, *parts = _BLOCK.split(_text(name))
    for block, behind in zip(parts[::2], parts[1::2], strict=True):
        yield block if block.startswith("project:") else f"project: example\n{block}", behind


def _section(heading: str, name: str = CRAWLING) -> str:
    """Return what stands in a guide below a heading, up to the next one."""
    return re.split(r"^#", _text(name).split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def _rows(section: str) -> list[list[str]]:
    """Return the cells of a section's tables, row by row with their heads, without the marks of code."""
    lines = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    cells = [re.split(r" ?(?<!\\)\| ?", line)[1:-1] for line in lines]
    return [[cell.strip("`").replace("\\|", "|") for cell in row] for row in cells]


@pytest.mark.parametrize("name", ["README.md", "specs/README.md", CRAWLING, MIRRORING, HANDING_OVER])
def test_the_specs_of_a_document_are_valid(name: str, tmp_path: Path) -> None:
    """Each YAML example is what `archiver check` accepts, with a project's name in front where it has none."""
    (tmp_path / "images-list.txt").write_text("docker.io/library/redis:7\n")
    specs = [text for text, _ in _specs(name)]
    assert specs
    for text in specs:
        path = tmp_path / "spec.yaml"
        path.write_text(text, "utf-8")
        checked_spec(path)


def test_the_tables_of_urls_are_what_the_scope_decides(tmp_path: Path) -> None:
    """Behind an example of a scope stand URLs, whether they are pages of the site, and by which rule."""
    tables = 0
    for text, behind in _specs(CRAWLING):
        table = behind.split("\n| URL | | rule |\n", 1)
        if len(table) == 1 or table[0].strip():
            continue
        tables += 1
        path = tmp_path / "spec.yaml"
        path.write_text(text, "utf-8")
        rule = Scope.of(checked_spec(path).spec.docs[0])
        rows = _ROW.findall(table[1].split("\n\n", 1)[0])
        assert len(rows) >= 2
        for url, place, reason in rows:
            decision = rule.decide(url)
            assert (place, reason) == ("in" if decision.inside else "out", decision.reason), url
    assert tables >= 4


def test_the_table_of_reasons_is_complete() -> None:
    """Every reason for which a URL is not asked for is explained, and whether it is counted as missing is right."""
    rows = _ROW.findall(_section("Reasons"))
    assert {reason for reason, _, _ in rows} == REASONS
    assert {reason for reason, missing, _ in rows if missing == "yes"} == set(filter(is_missed, REASONS))


def test_the_table_of_codes_is_complete() -> None:
    """Every code of a failed fetch is explained."""
    codes = {each.code for each in FetchError.__subclasses__() if each.code.startswith("fetch.")}
    assert {code for code, _, _ in _ROW.findall(_section("Failures by code"))} == codes


def test_the_table_of_marks_is_complete() -> None:
    """Everything that an answer may turn out to be is explained."""
    section = _section("What is not taken for success")
    assert set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)) == MARKS


def _versions() -> Iterator[tuple[str, str, str]]:
    for tag, version, *rest in _rows(_section("What the newest are", MIRRORING)):
        if rest and tag != "tag":
            yield tag, version, rest[0]


def test_the_table_of_tags_is_what_is_chosen() -> None:
    """Each entry takes of the guide's tags those that the guide says, in that order."""
    section = _section("What the newest are", MIRRORING)
    (tags,) = re.findall(r"^```text\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    rows = [row for row in _rows(section) if len(row) == 2]
    assert len(rows) >= 10
    for entry, taken in rows[1:]:
        keys = yaml.safe_load(entry)
        selection = TagSelection.model_validate({"repository": "any", **keys}, strict=False)
        assert " ".join(chosen_tags(tags.split(), selection)) == taken, entry


def test_the_table_of_versions_is_how_tags_are_read() -> None:
    """Each tag names the version that the guide says, and has beside it what the guide says."""
    rows = list(_versions())
    assert len(rows) >= 15
    for tag, version, variant in rows:
        named, expected = tag_version(tag), tag_version(version)
        assert (named and named.version) == (expected and expected.version), tag
        assert (named.variant if named else "") == variant, tag


def test_the_table_of_rules_has_rules_of_each_kind() -> None:
    """The example of each kind of rule is one of that kind."""
    examples = [row[1] for row in _rows(_section("Tags of a repository", MIRRORING))[1:]]
    assert [type(parse_rule(text)) for text in examples] == [ExactRule, PatternRule, PatternRule, RangeRule]


def _subclasses(base: type[ArchiverError]) -> Iterator[type[ArchiverError]]:
    for each in base.__subclasses__():
        yield each
        yield from _subclasses(each)


def test_the_table_of_mirroring_s_codes_is_complete() -> None:
    """Every code that an image or a file fails with is explained, and there is no other."""
    known = {each.code for each in _subclasses(ArchiverError)}
    own = {code for code in known if code.startswith(("registry.", "files.", "content.", "lock."))}
    section = _section("Failures by code", MIRRORING)
    told = {code for row in _rows(section)[1:] for code in re.findall(r"[a-z]+\.[a-z0-9]+", row[0])}
    assert own - {ContentError.code} <= told <= known


def test_what_check_says_of_the_first_mirror(tmp_path: Path) -> None:
    """The guide's first spec is what `check` finds it to be."""
    console = Console(tmp_path)
    (text, behind), *_ = _specs(MIRRORING)
    command, _, expected = re.findall(r"^```text\n(.*?)^```", behind, re.MULTILINE | re.DOTALL)[0].partition(
        "\n"
    )
    console.write("redis.yaml", text)
    assert console.succeed(*command.removeprefix("$ archiver ").split()).out == expected


def test_the_first_example_happens(tmp_path: Path) -> None:
    """The guide's site, crawled by the guide's spec, gives the lines and the report that the guide shows."""
    console = Console(tmp_path)
    (text, behind), *_ = _specs(CRAWLING)
    shown, listed = re.findall(r"^```text\n(.*?)^```", _text(CRAWLING), re.MULTILINE | re.DOTALL)
    assert shown in behind
    with guide_site() as site:
        console.write("pump.yaml", text.replace("http://127.0.0.1:8000", site.origin))
        console.succeed("check", "pump.yaml")
        command, _, expected = shown.partition("\n")
        outcome = console.succeed(*command.removeprefix("$ archiver ").split())
        assert _everywhere(outcome.out.replace(site.origin, "http://127.0.0.1:8000")) == _everywhere(expected)
    (path,) = tmp_path.glob("archives/pump/snapshots/*.report.json")
    told = json.loads(path.read_text("utf-8").replace(site.origin, "http://127.0.0.1:8000"))
    rows = [
        f"{each['reason']}\t{entry['url']}\t{entry['referrer']}\n"
        for named in told["sites"]
        for each in (*named["failed"], *named["skipped"])
        for entry in each["entries"]
    ]
    assert "".join(rows) == listed
    assert told["missing"] == 1


def _everywhere(text: str) -> str:
    """Return what a run said without what is another thing each time: its moment, how long it took, how much came."""
    text = re.sub(r"[0-9]{8}T[0-9]{6}Z", "SNAPSHOT", text)
    return re.sub(r"in [0-9.]+ s, [0-9.]+ kB received", "RECEIVED", text).strip()
