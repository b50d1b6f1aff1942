from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from archiver.bundle.runtime import build_runtime
from archiver.version import VERSION
from servers.processes import need

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """archiver.pyz."""
    path = tmp_path_factory.mktemp("runtime") / "archiver.pyz"
    path.write_bytes(build_runtime())
    return path


def test_two_builds_are_equal() -> None:
    """The same program gives the same bytes."""
    assert build_runtime() == build_runtime()


def test_only_what_a_reader_needs_is_inside(program: Path) -> None:
    """Python files of the reading side, its assets and its packages; nothing compiled, nothing of the keeper's."""
    with zipfile.ZipFile(program) as packed:
        assert packed.testzip() is None
        names = packed.namelist()
        dates = {entry.date_time for entry in packed.infolist()}
    assert names == sorted(names)
    assert dates == {(1980, 1, 1, 0, 0, 0)}
    tops = {name.split("/")[0] for name in names}
    assert tops == {
        "__main__.py", "archiver", "licenses", "markupsafe", "six.py", "waitress", "warcio", "werkzeug"
    }  # fmt: skip
    ours = {name.split("/")[1] for name in names if name.startswith("archiver/")}
    assert ours == {"__init__.py", "version.py", "core", "store", "offline"}
    assert not [name for name in names if name.endswith((".so", ".pyc", ".pyi"))]
    assert any(name.startswith("archiver/offline/assets/") for name in names)


def test_every_package_travels_with_its_licence(program: Path) -> None:
    """Whoever gets the bundle gets the licences of all code in it."""
    with zipfile.ZipFile(program) as packed:
        licences = [name for name in packed.namelist() if name.startswith("licenses/")]
        texts = {name.split("/")[1] for name in licences if "LICEN" in name.rpartition("/")[2]}
        assert texts == {"archiver", "markupsafe", "six", "waitress", "warcio", "werkzeug"}
        assert all(packed.read(name).strip() for name in licences)


@pytest.mark.parametrize("interpreter", ["python3", "pypy3"])
def test_it_runs_with_nothing_installed(program: Path, interpreter: str, tmp_path: Path) -> None:
    """Isolated from all installed packages, on this Python and on 3.9, it says its version and its verbs."""
    need(interpreter)
    command = [sys.executable if interpreter == "python3" else interpreter, "-I", "-S", str(program)]
    version = subprocess.run(
        [*command, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert VERSION in version.stdout
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert all(verb in done.stdout for verb in ("verify", "serve", "search"))


def test_every_module_inside_can_be_imported(program: Path) -> None:
    """Nothing of ours leans on a package that stays behind."""
    need("pypy3")
    with zipfile.ZipFile(io.BytesIO(program.read_bytes())) as packed:
        modules = [
            name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
            for name in packed.namelist()
            if name.startswith("archiver/") and name.endswith(".py")
        ]
    script = f"import sys; sys.path.insert(0, {str(program)!r})\nfor name in {modules!r}: __import__(name)"
    subprocess.run(["pypy3", "-I", "-S", "-c", script], check=True)
