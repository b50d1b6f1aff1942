"""The design's import rules and ground rules, asserted by reading the source."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from functools import cache
from pathlib import Path
from typing import Iterator

import pytest
import tomllib

from archiver.core import errors

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "archiver"

# Which of this project's packages each may import. They point downward; collect and bundle never meet.
MAY_IMPORT = {
    "core": {"core"},
    "store": {"store", "core"},
    "spec": {"spec", "store", "core"},
    "offline": {"offline", "store", "core"},
    "collect": {"collect", "spec", "store", "core"},
    "bundle": {"bundle", "offline", "store", "core"},
    "cli": {"cli", "collect", "bundle", "offline", "spec", "store", "core"},
    "__init__": set(),
    "__main__": {"cli"},
    "version": set(),
}

# Third-party modules that belong to one layer, and the folders (relative to archiver/) where they may be.
HOMES = {
    "requests": ("collect/",),
    "urllib3": ("collect/",),
    "yaml": ("spec/",),
    "pydantic": ("spec/",),
    "pydantic_core": ("spec/",),
    "tqdm": ("cli/",),
    "warcio": ("collect/web/", "offline/", "bundle/"),
    "werkzeug": ("offline/",),
    "waitress": ("offline/",),
}
# What the zipapp carries; nothing else may be imported by the packages inside it.
ZIPAPP = {"warcio", "werkzeug", "waitress"}
PRINTING = ("cli/", "offline/commands.py", "offline/zipapp_main.py")
EXITING = ("cli/", "offline/zipapp_main.py", "__main__.py")
PARSING_ARGUMENTS = ("cli/", "offline/commands.py", "offline/zipapp_main.py")


def _sources() -> list[str]:
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


SOURCES = _sources()


@cache
def _tree(source: str) -> ast.Module:
    return ast.parse((PACKAGE / source).read_text("utf-8"), filename=source)


def _module(source: str) -> str:
    parts = ["archiver", *Path(source).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _layer(source: str) -> str:
    return Path(source).parts[0].removesuffix(".py")


@cache
def _imports(source: str) -> frozenset[str]:
    """Return the dotted names that a module imports, lazily or for types too, and from-imports in full."""
    found = set()
    for node in ast.walk(_tree(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = (_module(source) + (".x" if source.endswith("__init__.py") else "")).split(".")
                base = ".".join([*package[: -node.level], *([base] if base else [])])
            found.update(f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found.update(str(name.value) for name in node.args[:1] if isinstance(name, ast.Constant))
    return frozenset(found)


def _ours(source: str) -> set[str]:
    return {name for name in _imports(source) if name.split(".")[0] == "archiver"}


def _theirs(source: str) -> set[str]:
    tops = {name.split(".")[0] for name in _imports(source)}
    return tops - set(sys.stdlib_module_names) - {"archiver"}


def _calls(source: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(_tree(source)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno
        elif isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            yield ast.unparse(raised), node.lineno


def _source_of(name: str) -> str | None:
    """Return the file behind a dotted name of ours, which may end in a member of a module."""
    parts = name.split(".")[1:]
    for end in (len(parts), len(parts) - 1):
        stem = "/".join(parts[:end])
        for candidate in (f"{stem}.py", f"{stem}/__init__.py"):
            if candidate in SOURCES:
                return candidate
    return None


@cache
def _reach(source: str) -> frozenset[str]:
    """Return every file that importing one brings in, itself included."""
    reached, waiting = {source}, [source]
    while waiting:
        for name in _ours(waiting.pop()):
            target = _source_of(name)
            if target and target not in reached:
                reached.add(target)
                waiting.append(target)
    return frozenset(reached)


@pytest.mark.parametrize("source", SOURCES)
def test_imports_point_downward(source: str) -> None:
    """A module imports only its own layer and those below it; collect and bundle never import each other."""
    allowed = MAY_IMPORT[_layer(source)]
    wrong = {
        name
        for name in _ours(source)
        if len(parts := name.split(".")) > 1 and parts[1] not in allowed and parts[1] != "version"
    }
    assert not wrong, f"archiver/{source} may import {sorted(allowed)} only"


@pytest.mark.parametrize("source", SOURCES)
def test_each_library_stays_in_its_layer(source: str) -> None:
    """HTTP, YAML, progress bars, WARC and serving are each known to the layers named in the design only."""
    strays = [name for name in _theirs(source) if name in HOMES and not source.startswith(tuple(HOMES[name]))]
    assert not strays


@pytest.mark.parametrize("source", [s for s in SOURCES if _layer(s) in {"core", "store"}])
def test_core_and_store_need_the_standard_library_only(source: str) -> None:
    """The vocabulary and the store import nothing that would have to be installed."""
    assert not _theirs(source)


@pytest.mark.parametrize("source", [s for s in SOURCES if _layer(s) == "offline"])
def test_the_reading_side_imports_what_the_zipapp_carries(source: str) -> None:
    """offline/ and all that it reaches import the standard library and the packages shipped in a bundle."""
    needed = {name for reached in _reach(source) for name in _theirs(reached)}
    assert needed <= ZIPAPP
    assert {_layer(reached) for reached in _reach(source)} <= {
        "offline",
        "store",
        "core",
        "version",
        "__init__",
    }


@pytest.mark.parametrize("source", [s for s in SOURCES if _layer(s) == "bundle"])
def test_bundle_uses_only_readers_of_the_reading_side(source: str) -> None:
    """What bundle/ takes from offline/ opens and reads; it never reaches the server or a command line."""
    taken = {
        target for name in _ours(source) if (target := _source_of(name)) and target.startswith("offline/")
    }
    for target in taken:
        assert not {"werkzeug", "waitress", "argparse"} & {
            name.split(".")[0] for reached in _reach(target) for name in _imports(reached)
        }, f"archiver/{source} imports archiver/{target}"


def test_every_library_imported_is_declared() -> None:
    """Each third-party module that the package imports is a dependency in pyproject.toml, and none is idle."""
    modules = {"bs4": "beautifulsoup4", "yaml": "pyyaml", "zlib_ng": "zlib-ng", "ada_url": "ada-url",
               "urllib3": "requests", "pydantic_core": "pydantic"}  # fmt: skip
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {re.split(r"[<>=!~\[; ]", item, maxsplit=1)[0].lower() for item in project["dependencies"]}
    imported = {modules.get(name, name) for source in SOURCES for name in _theirs(source)}
    assert imported == declared


@pytest.mark.parametrize("source", SOURCES)
def test_only_command_lines_print(source: str) -> None:
    """The library reports progress to a protocol; nothing outside the command lines prints or writes to a terminal."""
    if not source.startswith(PRINTING):
        printing = {"print", "sys.stdout.write", "sys.stderr.write", "input"}
        assert not [(call, line) for call, line in _calls(source) if call in printing]


@pytest.mark.parametrize("source", SOURCES)
def test_only_entry_points_end_the_process(source: str) -> None:
    """sys.exit and its like are for the entry points; the library raises errors instead."""
    if not source.startswith(EXITING):
        ending = {"sys.exit", "exit", "quit", "os._exit", "os.abort", "SystemExit"}
        assert not [(call, line) for call, line in _calls(source) if call in ending]


@pytest.mark.parametrize("source", SOURCES)
def test_only_command_lines_know_argparse(source: str) -> None:
    """Library functions take values, never a command line's namespace."""
    if not source.startswith(PARSING_ARGUMENTS):
        assert not {name for name in _imports(source) if name.split(".")[0] == "argparse"}


@pytest.mark.parametrize("source", SOURCES)
def test_names_are_imported_one_by_one(source: str) -> None:
    """No star imports, and no module or package that is a grab-bag by its name."""
    assert not [name for name in _imports(source) if name.endswith(".*")]
    assert not {"utils", "util", "helpers", "misc", "common"} & {
        part.removesuffix(".py") for part in Path(source).parts
    }


@pytest.mark.parametrize(
    "source", [s for s in SOURCES if _layer(s) in {"core", "store", "offline", "version"}]
)
def test_the_reading_side_parses_as_python_3_9(source: str) -> None:
    """What ships in a bundle uses the grammar of Python 3.9, the oldest that a reader may have."""
    ast.parse((PACKAGE / source).read_text("utf-8"), feature_version=(3, 9))
    assert not _newer_than_3_9(_tree(source))


def _newer_than_3_9(tree: ast.Module) -> list[int]:
    """Return the lines with what feature_version does not tell: match, except*, parenthesised with, new arguments."""
    lines = [node.lineno for node in ast.walk(tree) if isinstance(node, (ast.Match, ast.TryStar))]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            named = {keyword.arg for keyword in node.keywords}
            function = ast.unparse(node.func)
            if (function == "zip" and "strict" in named) or (
                function.endswith("dataclass") and named & {"slots", "kw_only", "match_args"}
            ):
                lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("source", [s for s in SOURCES if _layer(s) in {"core", "store", "offline"}])
def test_annotations_are_not_evaluated_on_the_reading_side(source: str) -> None:
    """Modules with annotations postpone them, since ``X | None`` means nothing to Python 3.9."""
    annotated = any(
        isinstance(node, ast.AnnAssign)
        or (isinstance(node, ast.FunctionDef) and (node.returns or node.args.args))
        for node in ast.walk(_tree(source))
    )
    assert not annotated or source == "offline/zipapp_main.py" or "__future__.annotations" in _imports(source)


def test_the_zipapp_can_say_what_it_needs() -> None:
    """The zipapp's entry point parses under Python 3.6, so that an old one is told what to install."""
    source = (PACKAGE / "offline" / "zipapp_main.py").read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 6))
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.NamedExpr, ast.Match, ast.TryStar))]
    before_check = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {
        (getattr(node, "module", "") or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in before_check
    }
    assert names <= {"sys", "os"}, "what an old Python cannot import must not come before the check"


def _error_classes() -> list[type[errors.ArchiverError]]:
    return [
        value
        for _, value in inspect.getmembers(errors, inspect.isclass)
        if issubclass(value, errors.ArchiverError)
    ]


def test_error_codes_are_unique() -> None:
    """Each class of errors owns a code that no other has: scripts match on them."""
    own = {cls: vars(cls).get("code") for cls in _error_classes()}
    assert all(own.values()), [cls.__name__ for cls, code in own.items() if not code]
    assert len(set(own.values())) == len(own)


@pytest.mark.parametrize("error", _error_classes(), ids=lambda cls: cls.__name__)
def test_each_error_is_documented(error: type[errors.ArchiverError]) -> None:
    """Each class of errors says in its docstring when it is raised."""
    assert (vars(error).get("__doc__") or "").strip()


@pytest.mark.parametrize("source", [s for s in SOURCES if s != "core/errors.py"])
def test_errors_are_defined_in_one_tree(source: str) -> None:
    """No module keeps a public error class of its own: users catch what core/errors.py names."""
    known = {cls.__name__ for cls in _error_classes()} | {"Exception", "BaseException"}
    strays = [
        node.name
        for node in ast.walk(_tree(source))
        if isinstance(node, ast.ClassDef)
        and not node.name.startswith("_")
        and any(ast.unparse(base).split(".")[-1] in known for base in node.bases)
    ]
    assert not strays


@pytest.mark.parametrize("source", SOURCES)
def test_each_module_says_what_it_is_for(source: str) -> None:
    """Every module begins with a docstring."""
    assert ast.get_docstring(_tree(source)) or not _tree(source).body
