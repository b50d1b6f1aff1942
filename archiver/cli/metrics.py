"""What is known of projects as metrics for Prometheus, in the text format that node_exporter's textfile collector reads.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4. All are gauges, and all have a
label of their own call of ``refresh`` or of their project, so that several files of one machine do not contradict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Mapping, Sequence

from archiver.core.clock import parse_iso
from archiver.core.judgement import HEALTHY, VERDICTS

if TYPE_CHECKING:
    from datetime import datetime

    from archiver.store.status import ProjectStatus


@dataclass(frozen=True)
class Refresh:
    """One call of ``refresh``.

    Attributes:
        specs: what it was called with.
        finished: when it ended.
        exit_code: how.
        bad_specs: how many specs could not be worked with.
    """

    specs: str
    finished: datetime
    exit_code: int
    bad_specs: int


@dataclass(frozen=True)
class _Family:
    name: str
    help: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


def metrics_text(refresh: Refresh, statuses: Sequence[ProjectStatus]) -> str:
    """Return the metrics of a refresh and of its projects; what is not known of one is left out."""
    families = (*_of_refresh(refresh), *_of_projects(statuses), *_of_sources(statuses))
    return "".join(line for family in families for line in _lines(family))


def _of_refresh(refresh: Refresh) -> Iterator[_Family]:
    labels = {"specs": refresh.specs}
    for name, text, value in (
        ("finished_timestamp_seconds", "When archiver refresh ended.", refresh.finished.timestamp()),
        ("exit_code", "How archiver refresh ended: docs/exit-codes.md.", refresh.exit_code),
        ("bad_specs", "Specs that could not be worked with.", refresh.bad_specs),
    ):
        yield _Family(f"archiver_refresh_{name}", text, ((labels, value),))


def _of_projects(statuses: Sequence[ProjectStatus]) -> Iterator[_Family]:
    found = [(status, _project_values(status)) for status in statuses]
    for name, text in _PROJECT_HELP.items():
        samples = tuple(
            ({"project": status.name}, values[name]) for status, values in found if name in values
        )
        yield _Family(f"archiver_project_{name}", text, samples)


_PROJECT_HELP = {
    "last_run_timestamp_seconds": "When the project's last run ended.",
    "last_run_duration_seconds": "How long the project's last run took.",
    "last_run_exit_code": "How the project's last run ended: docs/exit-codes.md.",
    "last_run_failures": "What could not be had when it was last asked for.",
    "last_run_received_bytes": "What the last run received over the network.",
    "unfinished_run": "Whether a run is under way or was interrupted.",
    "next_due_timestamp_seconds": "When something is to be asked again.",
    "snapshots": "Snapshots that there are.",
    "newest_snapshot_timestamp_seconds": "When the newest snapshot was begun.",
    "good_timestamp_seconds": "When all of the project's sources were last asked and healthy.",
    "warc_bytes": "What the project's WARC files take.",
    "folder_bytes": "What the project's folder takes, WARC files included.",
    "blob_bytes": "What the project's images and files take in the common store, parts that others share included.",
}


def _project_values(status: ProjectStatus) -> dict[str, float]:
    values: dict[str, float] = {
        "unfinished_run": bool(status.unfinished),
        "snapshots": len(status.snapshots),
        "warc_bytes": status.warc,
        "folder_bytes": status.folder,
        "blob_bytes": status.blob_bytes,
    }
    run = status.last_run
    if run is not None:
        values |= {
            **_time("last_run_timestamp_seconds", run.finished),
            "last_run_duration_seconds": run.seconds,
            "last_run_exit_code": run.exit_code,
            "last_run_failures": status.failures,
            "last_run_received_bytes": run.received,
            **_time("next_due_timestamp_seconds", run.due),
        }
    if status.newest is not None:
        values |= _time("newest_snapshot_timestamp_seconds", status.newest.started)
    return {**values, **_time("good_timestamp_seconds", status.last_good)}


def _of_sources(statuses: Sequence[ProjectStatus]) -> Iterator[_Family]:
    judged = [
        ({"project": status.name, "source": judgement.source}, judgement)
        for status in statuses
        for judgement in status.judgements
    ]
    yield _Family(
        "archiver_source_healthy",
        "Whether the source was healthy when it was last asked.",
        tuple((labels, judgement.verdict == HEALTHY) for labels, judgement in judged),
    )
    yield _Family(
        "archiver_source_retired",
        "Whether the source is not asked any more, because the spec says so.",
        tuple((labels, judgement.retired) for labels, judgement in judged),
    )
    yield _Family(
        "archiver_source_verdict",
        "1 for what was judged of the source, 0 for the other verdicts.",
        tuple(
            ({**labels, "verdict": verdict}, judgement.verdict == verdict)
            for labels, judgement in judged
            for verdict in VERDICTS
        ),
    )
    for name, text, moments in (
        ("checked", "When the source was last asked.", [judgement.checked for _, judgement in judged]),
        (
            "good",
            "When the source was last asked and healthy.",
            [status.healthy_last(judgement) for status in statuses for judgement in status.judgements],
        ),
    ):
        family = f"archiver_source_{name}_timestamp_seconds"
        values = ((labels, _time("", moment)) for (labels, _), moment in zip(judged, moments))
        yield _Family(family, text, tuple((labels, value[""]) for labels, value in values if value))
    yield _Family(
        "archiver_source_items",
        "Pages, images or files that upstream was last known to have.",
        tuple((labels, judgement.alive) for labels, judgement in judged),
    )
    yield _Family(
        "archiver_source_peak_items",
        "The most pages, images or files that upstream ever had.",
        tuple((labels, judgement.peak) for labels, judgement in judged),
    )


def _time(name: str, text: str) -> dict[str, float]:
    try:
        return {name: parse_iso(text).timestamp()}
    except ValueError:  # empty, or of a damaged record
        return {}


def _lines(family: _Family) -> Iterator[str]:
    if family.samples:
        yield f"# HELP {family.name} {family.help}\n"
        yield f"# TYPE {family.name} gauge\n"
    for labels, value in family.samples:
        named = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        yield f"{family.name}{{{named}}} {value:.15g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
