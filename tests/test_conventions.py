"""Conventions of the tests, and the README's claims that a program can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TESTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py"))
READMES = ("README.md", "CONTRIBUTING.md", "specs/README.md", "docs/format.md", "docs/crawling.md")


def test_each_test_states_a_behaviour() -> None:
    """Every test function has a docstring that says which behaviour it asserts."""
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path in TESTS
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("test_")
        and not (ast.get_docstring(node) or "").strip()
    ]
    assert not silent


def test_test_files_have_unique_names() -> None:
    """Test modules are told apart by their basenames."""
    names = [Path(path).name for path in TESTS]
    assert not {name for name in names if names.count(name) > 1}


def test_tests_do_not_sleep() -> None:
    """Tests wait for events, not for time to pass."""
    sleeping = [
        f"{path}:{node.lineno}"
        for path in TESTS
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep"}
    ]
    assert not sleeping


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "docs/format.md",
        "docs/crawling.md",
        "docs/mirroring.md",
        "specs/README.md",
        "specs/kubesphere.yaml",
    ],
)
def test_the_repository_has_its_documents(name: str) -> None:
    """The documents that a newcomer looks for are there and say something."""
    assert (ROOT / name).is_file()
    assert (ROOT / name).stat().st_size > 200


def _code(markdown: str) -> list[str]:
    """Return the command lines of a document: those of its code blocks and its inline code."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", markdown, re.MULTILINE | re.DOTALL)
    blocks += re.findall(r"^(?: {4}|\t)(.*)$", markdown, re.MULTILINE)
    prose = re.sub(r"^```.*?^```", "", markdown, flags=re.MULTILINE | re.DOTALL)
    blocks += re.findall(r"`([^`\n]+)`", prose)
    return [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]


def _documents() -> str:
    return "\n".join((ROOT / name).read_text("utf-8") for name in READMES if (ROOT / name).is_file())


def test_make_targets_in_the_documents_exist() -> None:
    """Every `make TARGET` that a document tells people to run is in the Makefile."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {match[1] for line in _code(_documents()) if (match := re.match(r"make ([a-z][a-z-]*)", line))}
    assert {"demo", "test"} <= named
    assert named <= targets


def test_verbs_in_the_documents_exist() -> None:
    """Every `archiver VERB` that a document shows is listed by `archiver --help`."""
    help_text = subprocess.run(
        [sys.executable, "-m", "archiver", "--help"], capture_output=True, text=True, check=True
    ).stdout
    listed = set(re.findall(r"^\s{2,8}([a-z]+)\s", help_text, re.MULTILINE))
    pattern = re.compile(r"(?:^|[\s/])(?:archiver|archiver\.pyz) ([a-z]+)\b")
    named = {verb for line in _code(_documents()) for verb in pattern.findall(line)}
    assert {"archive", "bundle", "verify", "serve"} <= named
    assert named <= listed


def _anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives a document's headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_between_documents_lead_somewhere() -> None:
    """Each relative link and picture of a document is there, its anchor too."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "specs").glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    documents += (ROOT / "benchmarks").glob("*.md")
    broken = []
    for document in documents:
        text = re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"", re.sub(r"`[^`\n]*`", "", text)):
            path, _, anchor = (link[0] or link[1]).partition("#")
            if ":" in path:
                continue
            target = document.parent / path if path else document
            if not target.exists() or (anchor and anchor not in _anchors(target)):
                broken.append(f"{document.relative_to(ROOT)}: {path}#{anchor}")
    assert not broken


def test_the_console_script_is_declared() -> None:
    """The package installs a console script called archiver."""
    assert 'archiver = "archiver.__main__:main"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_ci_runs_what_the_readme_says() -> None:
    """CI calls the README's test command, not a command of its own."""
    assert re.search(r"^[^#\n]*\bmake test$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
