"""archiver.pyz: the reading side and the pure-Python packages it needs, as one zip application.

Source: PEP 441; docs/format.md, "archiver.pyz".
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import zipfile
from pathlib import Path
from typing import Iterator

import archiver
from archiver.core.errors import BundleError

_OWN_DISTRIBUTION = "docs-mirror-archiver"
_OWN_PACKAGES = ("core", "store", "offline")
_OWN_FILES = ("__init__.py", "version.py")
_MAIN = "offline/zipapp_main.py"
_ASSETS = "offline/assets"
_DISTRIBUTIONS = ("werkzeug", "markupsafe", "waitress", "warcio", "six")
_LEFT_OUT = ("werkzeug/debug/shared/",)  # the interactive debugger's pictures and scripts
_LICENCES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS", "METADATA")
_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16


def build_runtime() -> bytes:
    """Return the zip application; the same bytes for the same program, packages and zlib.

    Raises:
        BundleError: a package that has to travel along is not installed, or not as plain files.
    """
    contents = dict(_own_files())
    contents.update(_own_licence())
    for name in _DISTRIBUTIONS:
        contents.update(_package_files(name))
        contents.update(_licences(name))
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is made
            entry.external_attr = _MODE
            packed.writestr(entry, contents[name])
    return output.getvalue()


def _own_files() -> Iterator[tuple[str, bytes]]:
    root = Path(archiver.__file__).parent
    if not (root / _MAIN).is_file():
        raise BundleError("the program is not installed as plain files", place=str(root))
    yield "__main__.py", (root / _MAIN).read_bytes()
    chosen = [root / name for name in _OWN_FILES]
    for package in _OWN_PACKAGES:
        chosen += (root / package).rglob("*.py")
    chosen += (path for path in (root / _ASSETS).rglob("*") if path.is_file())
    for path in chosen:
        name = path.relative_to(root).as_posix()
        if name != _MAIN and not path.name.startswith("."):
            yield f"archiver/{name}", path.read_bytes()


def _own_licence() -> Iterator[tuple[str, bytes]]:
    """This program's own licence: beside the package in a checkout, else in the installation's records."""
    beside = Path(archiver.__file__).parent.parent / "LICENSE"
    if beside.is_file():
        yield "licenses/archiver/LICENSE", beside.read_bytes()
    else:
        for name, data in _licences(_OWN_DISTRIBUTION):
            if not name.endswith("/METADATA"):  # it has the README in it
                yield name.replace(_OWN_DISTRIBUTION, "archiver"), data


def _package_files(name: str) -> Iterator[tuple[str, bytes]]:
    """The Python files of an installed package or module; compiled parts stay behind."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise BundleError(f"the package {name} is not installed as plain files", hint=f"pip install {name}")
    origin = Path(spec.origin)
    if not spec.submodule_search_locations:
        yield origin.name, origin.read_bytes()
        return
    for path in origin.parent.rglob("*.py"):
        inner = path.relative_to(origin.parent.parent).as_posix()
        if not inner.startswith(_LEFT_OUT) and "/tests/" not in inner:
            yield inner, path.read_bytes()


def _licences(name: str) -> Iterator[tuple[str, bytes]]:
    """A package's licence files and its metadata, which name its authors and version."""
    try:
        files = importlib.metadata.distribution(name).files or ()
    except importlib.metadata.PackageNotFoundError as error:
        raise BundleError(f"the package {name} is not installed", hint=f"pip install {name}") from error
    for file in files:
        if file.parts[0].endswith((".dist-info", ".egg-info")) and file.name.upper().startswith(_LICENCES):
            yield f"licenses/{name}/{file.name}", file.locate().read_bytes()  # type: ignore[attr-defined]  # a Path
