"""Which names no file on Windows can have."""

from __future__ import annotations

import pytest

from archiver.core.filenames import windows_fault


@pytest.mark.parametrize(
    "name",
    ["CON", "a/nul", "Aux.txt", "com1.tar.gz", "LPT¹", "conin$", "a/b:c", "what?", "star*", "x<y", 'q"', "pipe|", "dot.",
     "folder /x", "tab\tx", "nul .txt"],
)  # fmt: skip
def test_what_windows_cannot_have(name: str) -> None:
    """Devices under any suffix and in any case, reserved characters, streams, and ends that Windows drops."""
    assert windows_fault(name)


@pytest.mark.parametrize(
    "name", ["console", "a/com10", "null", "auxiliary/x.txt", ".hidden", "文件 1.txt", "COM"]
)
def test_what_windows_can_have(name: str) -> None:
    """Names that only look like those of devices are no problem."""
    assert windows_fault(name) is None
