"""Choosing another snapshot of a project: a form that needs no script, and a word where the newest is not read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from archiver.core.clock import iso, parse_snapshot_id
from archiver.offline.markup import day_text, esc

if TYPE_CHECKING:
    from archiver.offline.asof import Choices


def date_picker(choices: Choices, action: str, back: str) -> str:
    """Return the form; nothing where there is nothing to choose.

    Args:
        choices: the snapshots that there are.
        action: the address that takes the choice.
        back: where the reader goes on then: an address of this server, or an original URL.
    """
    if len(choices.snapshots) < 2:
        return ""
    options = "".join(
        f'<option value="{esc("" if snapshot == choices.newest else snapshot)}"'
        f"{' selected' if snapshot == choices.current else ''}>{esc(moment_of(snapshot))}"
        f"{', the newest' if snapshot == choices.newest else ''}</option>"
        for snapshot in choices.snapshots
    )
    field = f"as-of-{esc(choices.project)}"
    return (
        f'<form class="as-of" method="get" action="{esc(action)}"><input type="hidden" name="project" '
        f'value="{esc(choices.project)}"><input type="hidden" name="to" value="{esc(back)}">'
        f'<label for="{field}">State of</label><select id="{field}" name="snapshot">{options}</select>'
        '<button type="submit">Read this one</button></form>'
    )


def not_newest(choices: Choices, action: str, back: str) -> str:
    """Return the word that an older snapshot is read, with the way to the newest; nothing where the newest is read.

    Args:
        choices: as for ``date_picker``, like the others.
        action: the address that takes the choice.
        back: where the reader goes on then.
    """
    if choices.current == choices.newest:
        return ""
    query = urlencode({"project": choices.project, "snapshot": "", "to": back})
    return (
        f'<p class="notice">You are reading the state of {esc(moment_of(choices.current))}, until you choose another. '
        f'<a href="{esc(action)}?{esc(query)}">Read the newest, of {esc(moment_of(choices.newest))}</a></p>'
    )


def moment_of(snapshot: str) -> str:
    """Return when a snapshot was begun, for people; its id where that tells no time."""
    try:
        return day_text(iso(parse_snapshot_id(snapshot)))
    except ValueError:
        return snapshot
