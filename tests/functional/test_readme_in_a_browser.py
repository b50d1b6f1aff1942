"""A bundle's README.html as Chromium shows it: a file that asks nobody for anything, wide and narrow, with and without scripts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.bundle.closure import closure
from archiver.bundle.readme import webpage
from archiver.core.snapshot import Failure
from servers.browser import browser
from servers.processes import need
from servers.small_archive import SITE, small_archive

if TYPE_CHECKING:
    from servers.browser import Tab

READER = "docker.io/library/python:3.12-slim"
SHOWN = "[...document.querySelectorAll('.lines')].filter(one => one.checkVisibility()).map(one => one.querySelector('code').textContent)"
WIDER = (
    "[...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1"
    " && !one.closest('pre, .scroll')).map(one => one.outerHTML.slice(0, 200))"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a README with every section."""
    folder = tmp_path_factory.mktemp("readme")
    builder = small_archive(folder / "archives")
    builder.image(READER, ("linux/amd64",), salt="python")
    builder.failures.append(Failure("docs", f"{SITE}/{'long/' * 40}", "fetch.timeout", "no answer"))
    record = replace(builder.finish(), reader_image=READER)
    path = folder / "README.html"
    path.write_bytes(webpage.render(closure(builder.archive, record), signed=True))
    return path.as_uri()


@pytest.fixture
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A tab of Chromium."""
    need("chromium")
    with browser(tmp_path_factory.mktemp("chromium")) as chromium, chromium.tab() as opened:
        yield opened


def test_it_asks_for_nothing_and_complains_of_nothing(tab: Tab, page: str) -> None:
    """The file itself is all that is read; its script runs under its own policy."""
    tab.go(page)
    assert tab.visit.requested == [page]
    assert tab.visit.complaints == []
    assert tab.evaluate("document.querySelectorAll('.lines button').length") > 20


def test_each_system_gets_its_own_commands(tab: Tab, page: str) -> None:
    """The system of the reader's browser comes first; a click shows those of another, and only those."""
    tab.go(page)
    tab.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    assert tab.evaluate("document.querySelector('.choice:checked').id") == "on-linux"
    linux = tab.evaluate(SHOWN)
    assert "sha256sum -c SHA256SUMS" in linux
    assert not [lines for lines in linux if lines.startswith("py ") or "Get-FileHash" in lines]
    tab.click("[for=on-windows]")
    windows = tab.evaluate(SHOWN)
    assert [lines for lines in windows if "Get-FileHash" in lines]
    assert not [lines for lines in windows if lines.startswith(("python3 ", "sha256sum", "shasum", "cat "))]
    tab.click("[for=on-macos]")
    assert "shasum -a 256 -c SHA256SUMS" in tab.evaluate(SHOWN)


def test_a_click_copies_the_commands(tab: Tab, page: str) -> None:
    """The whole of what is shown, and nothing else."""
    tab.go(page)
    tab.evaluate("navigator.clipboard.writeText = async text => { window.copied = text; }")
    tab.click(".lines.linux button")
    assert tab.evaluate("window.copied") == tab.evaluate(SHOWN)[0]


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_nothing_is_wider_than_the_screen(tab: Tab, page: str, width: int) -> None:
    """On a desk and on a phone: only commands scroll sideways, and not the page."""
    tab.resize(width, 900)
    tab.go(page)
    tab.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    assert tab.evaluate("innerWidth") == width
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate(WIDER) == []


def test_without_scripts_everything_is_there(tab: Tab, page: str, tmp_path: Path) -> None:
    """Systems are chosen, folds opened, links followed; only the buttons that copy are missing."""
    text = Path(page.removeprefix("file://")).read_text("utf-8")
    bare = tmp_path / "README.html"
    bare.write_text(re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL), "utf-8")
    tab.go(bare.as_uri())
    assert tab.evaluate("document.querySelectorAll('button').length") == 0
    tab.click("[for=on-windows]")
    assert [lines for lines in tab.evaluate(SHOWN) if lines.startswith("py archiver.pyz verify")]


def test_on_paper_every_fold_is_open_and_every_system_is_told(tab: Tab, page: str) -> None:
    """Printing unfolds what is folded, and folds it again."""
    tab.go(page)
    folded = "document.querySelectorAll('details:not([open])').length"
    before = tab.evaluate(folded)
    assert before > 4
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.evaluate(folded) == 0
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.evaluate(folded) == before
    tab.show_as("print")
    assert {"Linux, macOS", "Windows PowerShell"} <= set(
        tab.evaluate(
            "[...document.querySelectorAll('.which')].filter(o => o.checkVisibility()).map(o => o.textContent)"
        )
    )
