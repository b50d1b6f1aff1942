"""Offering other dates to the reader of a page that is not in the snapshot read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Collection, Mapping, Sequence

from archiver.offline.asof import PATH, choosing_url
from archiver.offline.datepicker import date_picker, moment_of
from archiver.offline.markup import esc
from archiver.offline.memento import other_snapshot_with

if TYPE_CHECKING:
    from archiver.offline.asof import Choices
    from archiver.offline.holdings import Project


class OtherDates:
    """Makes what a page for a miss says of other snapshots.

    Args:
        projects: all that are served.
        choices: tells, by project, which snapshots there are to choose from, and which is read.
    """

    def __init__(self, projects: Sequence[Project], choices: Callable[[], Mapping[str, Choices]]) -> None:
        self._projects = projects
        self._choices = choices

    def markup(self, url: str, names: Collection[str]) -> str:
        """Return where the page is, if another snapshot has it, and the forms that choose a date; mostly nothing.

        Args:
            url: the original URL, which choosing leads on to.
            names: the projects that have pages of its origin.
        """
        choices = self._choices() if names else {}
        several = [
            one for one in self._projects if one.name in names and len(choices[one.name].snapshots) > 1
        ]
        return "".join(
            self._elsewhere(project, url, choices[project.name])
            + date_picker(choices[project.name], PATH, url)
            for project in several
        )

    @staticmethod
    def _elsewhere(project: Project, url: str, choices: Choices) -> str:
        snapshot = other_snapshot_with(project, url, choices.current)
        if not snapshot:
            return ""
        chosen = (
            "" if snapshot == choices.newest else snapshot
        )  # who reads the newest goes on with the next one
        return (
            f'<p class="notice">It is in the state of {esc(moment_of(snapshot))}. '
            f'<a href="{esc(choosing_url(project.name, chosen, url))}">Read it there</a></p>'
        )
