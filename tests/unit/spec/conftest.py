"""Loading specs that are written in a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import pytest

from archiver.core.errors import SpecError
from archiver.spec.load import LoadedSpec, load_spec

if TYPE_CHECKING:
    from pathlib import Path

Load = Callable[[str], LoadedSpec]
Mistakes = Callable[[str], list[tuple[int, str]]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a spec from text."""

    def loaded(text: str) -> LoadedSpec:
        path = tmp_path / "spec.yaml"
        path.write_text(text, "utf-8")
        return load_spec(path)

    return loaded


@pytest.fixture
def mistakes(load: Load) -> Mistakes:
    """Load a spec that is wrong: the line and message of each mistake. All have hints."""

    def found(text: str) -> list[tuple[int, str]]:
        with pytest.raises(SpecError) as caught:
            load(text)
        problems = (caught.value, *caught.value.more)
        assert all(isinstance(problem, SpecError) and problem.hint for problem in problems)
        return [(int(str(problem.place).rpartition(":")[2]), problem.message) for problem in problems]

    return found
