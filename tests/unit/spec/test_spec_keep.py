"""The key ``keep``: which snapshots prune keeps."""

import pytest

from archiver.core.errors import SpecError
from archiver.spec.load import load_spec
from archiver.store.retention import Policy

SPEC = "project: sample\nfiles: [{url: 'https://example.org/a'}]\n"


def load(tmp_path, keep):
    """Load a spec that has something to say about keeping."""
    path = tmp_path / "sample.yaml"
    path.write_text(SPEC + keep)
    return load_spec(path)


def test_what_is_said_reaches_the_store(tmp_path):
    """What a snapshot records of the spec is what the store reads as its policy; nothing said is no policy."""
    loaded = load(tmp_path, "keep: {last: 5, monthly: 12}\n")
    assert Policy.of(loaded.record, what="x") == Policy(last=5, monthly=12)
    assert Policy.of(load(tmp_path, "").record, what="x") is None


@pytest.mark.parametrize(
    "keep",
    [
        "{}",
        "{last: 0}",
        "{last: -1}",
        "{last: many}",
        "{last: 1.5}",
        "{hourly: 3}",
        "[5]",
        "5",
        "{last: 100001}",
    ],
)
def test_what_keeps_nothing_or_means_nothing_is_refused(tmp_path, keep):
    """A policy must keep something, in whole numbers, by rules that there are; the error has its line."""
    with pytest.raises(SpecError) as caught:
        load(tmp_path, f"keep: {keep}\n")
    assert caught.value.place.endswith("sample.yaml:3")
