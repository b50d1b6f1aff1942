"""The design's import rules and ground rules, asserted by reading the source."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from functools import cache
from pathlib import Path
from typing import Callable, Iterable, Iterator

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
    "changes": {"changes", "bundle", "offline", "store", "core"},
    "cli": {"cli", "changes", "collect", "bundle", "offline", "spec", "store", "core"},
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
# What a module inside it takes where it happens to be installed, and does without everywhere else.
OPTIONAL = {"offline/inflating.py": {"zlib_ng"}}
PRINTING = ("cli/", "offline/commands.py", "offline/verbs/", "offline/zipapp_main.py")
EXITING = ("cli/", "offline/zipapp_main.py", "__main__.py")
PARSING_ARGUMENTS = ("cli/", "offline/commands.py", "offline/verbs/", "offline/zipapp_main.py")


def _sources() -> list[str]:
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


SOURCES = _sources()


@cache
def _tree(source: str) -> ast.Module:
    return ast.parse((PACKAGE / source).read_text("utf-8"), filename=source)


def _of(*layers: str) -> list[str]:
    return [source for source in SOURCES if _layer(source) in layers]


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


def _offences(sources: Iterable[str], found: Callable[[str], Iterable[object]]) -> dict[str, list[object]]:
    """Return what breaks a rule, by source file; empty where nothing does."""
    offences = {source: list(found(source)) for source in sources}
    return {source: what for source, what in offences.items() if what}


def test_imports_point_downward() -> None:
    """A module imports only its own layer and those below it; collect and bundle never import each other."""

    def wrong(source: str) -> set[str]:
        allowed = MAY_IMPORT[_layer(source)] | {"version"}
        return {
            name for name in _ours(source) if len(parts := name.split(".")) > 1 and parts[1] not in allowed
        }

    assert not _offences(SOURCES, wrong)


def test_each_library_stays_in_its_layer() -> None:
    """HTTP, YAML, progress bars, WARC and serving are each known to the layers named in the design only."""
    assert not _offences(
        SOURCES,
        lambda source: [
            name for name in _theirs(source) if name in HOMES and not source.startswith(HOMES[name])
        ],
    )


def test_core_and_store_need_the_standard_library_only() -> None:
    """The vocabulary and the store import nothing that would have to be installed."""
    assert not _offences(_of("core", "store"), _theirs)


def test_the_reading_side_imports_what_the_zipapp_carries() -> None:
    """What offline/ reaches, lazily too, is the standard library, core, store and the packages in a bundle."""

    def too_much(source: str) -> set[str]:
        reach = _reach(source)
        layers = {_layer(reached) for reached in reach} - {"offline", "store", "core", "version", "__init__"}
        needed = {name for reached in reach for name in _theirs(reached) - OPTIONAL.get(reached, set())}
        return layers | needed - ZIPAPP

    assert not _offences(_of("offline"), too_much)


def test_what_is_optional_is_done_without() -> None:
    """What the zipapp does not carry is imported where its absence is seen to, and by the modules named above only."""
    for source, names in OPTIONAL.items():
        guarded = {
            alias.name.split(".")[0] if isinstance(node, ast.Import) else (node.module or "").split(".")[0]
            for attempt in ast.walk(_tree(source))
            if isinstance(attempt, ast.Try) and "ImportError" in ast.unparse(attempt.handlers[0])
            for node in attempt.body
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        }
        assert names == guarded == _theirs(source)


def test_keepers_layers_use_only_readers_of_the_reading_side() -> None:
    """What bundle/ and changes/ take from offline/ opens and reads; it never reaches the server or a command line."""

    def served(source: str) -> list[str]:
        taken = {target for name in _ours(source) if (target := _source_of(name))}
        return [
            f"{target} reaches {name}"
            for target in taken
            if target.startswith("offline/")
            for reached in _reach(target)
            for name in _imports(reached)
            if name.split(".")[0] in {"werkzeug", "waitress", "argparse"}
        ]

    assert not _offences(_of("bundle", "changes"), served)


def test_every_library_imported_is_declared() -> None:
    """Each third-party module that the package imports is a dependency in pyproject.toml, and none is idle."""
    modules = {"bs4": "beautifulsoup4", "yaml": "pyyaml", "zlib_ng": "zlib-ng", "ada_url": "ada-url",
               "pydantic_core": "pydantic"}  # fmt: skip
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {re.split(r"[<>=!~\[; ]", item, maxsplit=1)[0].lower() for item in project["dependencies"]}
    imported = {modules.get(name, name) for source in SOURCES for name in _theirs(source)}
    assert imported == declared


def test_only_command_lines_print() -> None:
    """The library reports progress to a protocol; only command lines print, write to a terminal or ask."""
    speaking = {"print", "sys.stdout.write", "sys.stderr.write", "input"}
    assert not _offences(
        (source for source in SOURCES if not source.startswith(PRINTING)),
        lambda source: [f"{call} in line {line}" for call, line in _calls(source) if call in speaking],
    )


def test_only_entry_points_end_the_process() -> None:
    """sys.exit and its like are for the entry points; the library raises errors instead."""
    ending = {"sys.exit", "exit", "quit", "os._exit", "os.abort", "SystemExit"}
    assert not _offences(
        (source for source in SOURCES if not source.startswith(EXITING)),
        lambda source: [f"{call} in line {line}" for call, line in _calls(source) if call in ending],
    )


def test_only_command_lines_know_argparse() -> None:
    """Library functions take values, never a command line's namespace."""
    assert not _offences(
        (source for source in SOURCES if not source.startswith(PARSING_ARGUMENTS)),
        lambda source: [name for name in _imports(source) if name.split(".")[0] == "argparse"],
    )


def test_names_are_imported_one_by_one() -> None:
    """No module imports a star."""
    assert not _offences(SOURCES, lambda source: [name for name in _imports(source) if name.endswith(".*")])


def test_no_module_is_a_grab_bag() -> None:
    """Modules are named for what they do."""
    bags = {"utils", "util", "helpers", "misc", "common"}
    assert not [
        source for source in SOURCES if bags & {part.removesuffix(".py") for part in Path(source).parts}
    ]


def test_the_reading_side_parses_as_python_3_9() -> None:
    """What ships in a bundle uses the grammar of Python 3.9, the oldest that a reader may have."""
    for source in _of("core", "store", "offline", "version"):
        ast.parse((PACKAGE / source).read_text("utf-8"), filename=source, feature_version=(3, 9))
    assert not _offences(
        _of("core", "store", "offline", "version"), lambda source: _newer_than_3_9(_tree(source))
    )


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


def test_annotations_are_not_evaluated_on_the_reading_side() -> None:
    """Modules with annotations postpone them, since ``X | None`` means nothing to Python 3.9."""

    def annotations(source: str) -> list[int]:
        return [
            node.lineno
            for node in ast.walk(_tree(source))
            if isinstance(node, ast.AnnAssign)
            or (isinstance(node, ast.FunctionDef) and (node.returns or node.args.args))
        ]

    assert not _offences(
        (s for s in _of("core", "store", "offline") if "__future__.annotations" not in _imports(s)),
        lambda source: [] if source == "offline/zipapp_main.py" else annotations(source),
    )


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


def test_each_error_is_documented() -> None:
    """Each class of errors says in its docstring when it is raised."""
    assert not [cls.__name__ for cls in _error_classes() if not (vars(cls).get("__doc__") or "").strip()]


def test_errors_are_defined_in_one_tree() -> None:
    """No module keeps a public error class of its own: users catch what core/errors.py names."""
    known = {cls.__name__ for cls in _error_classes()} | {"Exception", "BaseException"}

    def strays(source: str) -> list[str]:
        return [
            node.name
            for node in ast.walk(_tree(source))
            if isinstance(node, ast.ClassDef)
            and not node.name.startswith("_")
            and any(ast.unparse(base).split(".")[-1] in known for base in node.bases)
        ]

    assert not _offences((source for source in SOURCES if source != "core/errors.py"), strays)


def test_each_module_says_what_it_is_for() -> None:
    """Every module that has anything in it begins with a docstring."""
    assert not [s for s in SOURCES if _tree(s).body and not ast.get_docstring(_tree(s))]
