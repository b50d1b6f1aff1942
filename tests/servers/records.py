"""Records of runs, as tests need them: empty but for what a test is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archiver.core.snapshot import Snapshot

if TYPE_CHECKING:
    from archiver.core.judgement import Judgement

RUN = "20261123T041700Z"


def run_record(*judgements: Judgement, **members: Any) -> Snapshot:
    """Return the record of a run that took a minute and got nothing.

    Args:
        judgements: what was judged.
        members: what else differs.
    """
    empty: dict[str, Any] = {
        "id": RUN,
        "project": "sample",
        "title": "Sample",
        "program": "archiver",
        "started": "2026-11-23T04:17:00Z",
        "finished": "2026-11-23T04:18:00Z",
        "spec": {},
        "sites": (),
        "images": (),
        "files": (),
        "failures": (),
        "broken_links": (),
        "captures": 0,
        "captures_digest": "",
    }
    return Snapshot(**{**empty, **members}, judgements=judgements)
