"""The landing site: what is here, search for people and for programs, and the list of contents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence
from urllib.parse import unquote

from archiver.core.clock import utc_now
from archiver.core.errors import ArchiverError, SearchUnavailable
from archiver.offline.imagelist import NAMES, image_names
from archiver.offline.landing import (
    PROJECTS,
    REPORT,
    Shown,
    file_url,
    image_name,
    overview_page,
    project_address,
    project_page,
    site_url,
)
from archiver.offline.markup import OWN_POLICY
from archiver.offline.pulling import Pullable
from archiver.offline.reportpage import no_report_page, report_page
from archiver.offline.search.files import facets_of
from archiver.offline.searchapi import PAGE_SIZE, Asked, find, nonsense, results_document
from archiver.offline.searchpage import search_off_page, search_page
from archiver.offline.wsgi import Reply, json_reply, plain

if TYPE_CHECKING:
    from archiver.offline.addresses import View
    from archiver.offline.asof import Choices
    from archiver.offline.holdings import Holding
    from archiver.offline.search.files import SearchFile
    from archiver.offline.wsgi import Request


_LONGEST_NAME = 100  # characters of what a list is narrowed by


class LandingSite:
    """Answers requests for the main address that are neither for the registry nor for files.

    Args:
        holdings: at least one.
        search: those of their search indexes that are there.
        choices: tells, by project, which snapshots there are to choose from.
        verified: by project, when every byte was checked before serving, as an ISO time; without those that were not.
    """

    def __init__(
        self,
        holdings: Sequence[Holding],
        search: Sequence[SearchFile],
        choices: Callable[[], Mapping[str, Choices]],
        verified: Mapping[str, str],
    ) -> None:
        self._holdings = holdings
        self._choices = choices
        self._search = search
        self._verified = verified
        self._title = (holdings[0].title or holdings[0].project) if len(holdings) == 1 else "Archive"
        self._pages = {
            "/-/search": self._search_page,
            "/-/search.json": self._search_json,
            "/-/bundle.json": self._contents,
            REPORT: self._report_page,
            NAMES: self._image_names,
        }

    def answer(self, request: Request, view: View) -> Reply | None:
        """Answer a GET or HEAD; None where there is no such page."""
        if request.path == "/":
            return self._landing_page(request, view)
        if request.path.startswith(PROJECTS):
            holding = self._holding(unquote(request.path[len(PROJECTS) :]))
            return self._project_page(holding, request, view) if holding else None
        found = self._pages.get(request.path)
        return found(request, view) if found else None

    def _landing_page(self, request: Request, view: View) -> Reply:
        if self._alone:
            return self._project_page(self._holdings[0], request, view)
        return overview_page(self._holdings, self._shown(request, view, self._holdings), self._choices())

    def _project_page(self, holding: Holding, request: Request, view: View) -> Reply:
        choices = self._choices().get(holding.project)
        return project_page(
            holding, self._shown(request, view, [holding]), alone=self._alone, choices=choices
        )

    def _report_page(self, request: Request, view: View) -> Reply | None:
        holding = self._holding(request.parameter("project"))
        if holding is None:
            return None
        back = f"{view.prefix}/" if self._alone else project_address(holding.project, view.prefix)
        title = holding.title or holding.project
        try:
            report = holding.report()
        except ArchiverError as error:
            return no_report_page(title, f"It is damaged: {error.message}", root=view.prefix, back=back)
        if report is None:
            return no_report_page(title, "There is none for this snapshot.", root=view.prefix, back=back)
        return report_page(report, view.locate, root=view.prefix, back=back)

    def _image_names(self, request: Request, view: View) -> Reply | None:
        project = request.parameter("project")
        holdings = [holding for holding in self._holdings if project in ("", holding.project)]
        if not holdings:
            return None
        images = [image for holding in holdings for image in holding.images.images]
        headers = (("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-cache"))
        return Reply(200, headers + OWN_POLICY, image_names(images, _registry(view)))

    def _contents(self, request: Request, view: View) -> Reply:  # noqa: ARG002 - called as the others are
        return json_reply(contents(self._holdings, view), OWN_POLICY)

    @property
    def _alone(self) -> bool:
        return len(self._holdings) == 1

    def _holding(self, project: str) -> Holding | None:
        """Return the project of a name; the only one where none is named."""
        if not project and self._alone:
            return self._holdings[0]
        return next((holding for holding in self._holdings if holding.project == project), None)

    def _shown(self, request: Request, view: View, holdings: Sequence[Holding]) -> Shown:
        """Return what a page that shows holdings is made for."""
        return Shown(
            view,
            _registry(view),
            view.prefix,
            utc_now(),
            min(self._verified.get(holding.project, "") for holding in holdings),
            images=request.parameter("images")[:_LONGEST_NAME],
            files=request.parameter("files")[:_LONGEST_NAME],
        )

    def _search_page(self, request: Request, view: View) -> Reply:
        asked = replace(Asked.by(request), limit=PAGE_SIZE, typing=False)
        try:
            results = find(self._search, asked)
            if not results.total:  # perhaps the last word was not typed to its end
                results = find(self._search, replace(asked, typing=True))
        except SearchUnavailable as error:
            return search_off_page(self._title, asked.text, with_hint(error), view)
        return search_page(self._title, asked, results, facets_of(self._search), view)

    def _search_json(self, request: Request, view: View) -> Reply:
        problem = nonsense(request)
        if problem:
            return plain(400, problem)
        asked = Asked.by(request)
        try:
            results = find(self._search, asked)
        except SearchUnavailable as error:
            return json_reply({"error": {"code": error.code, "message": with_hint(error)}}, OWN_POLICY, 503)
        return json_reply(results_document(asked, results, facets_of(self._search), view), OWN_POLICY)


def contents(holdings: Sequence[Holding], view: View) -> dict[str, Any]:
    """Return ``/-/bundle.json``: what is served, and where.

    Entries name their project where there are several; ``project`` and ``snapshot`` are null then.
    """
    alone = len(holdings) == 1

    def entry(holding: Holding, **members: Any) -> dict[str, Any]:
        return members if alone else {"project": holding.project, **members}

    return {
        "project": holdings[0].project if alone else None,
        "snapshot": holdings[0].snapshot if alone else None,
        "docs": [
            entry(holding, name=site.name, origin=(site.origins or ("",))[0], url=site_url(site, view))
            for holding in holdings
            for site in holding.sites
        ],
        "images": [
            entry(
                holding,
                name=image.reference,
                pull=image_name(image, view),
                digest=str(image.digest),
                size=image.size,
                platforms=list(image.platforms),
            )
            for holding in holdings
            for image in holding.images.images
        ],
        "files": [
            entry(
                holding,
                name=file.path,
                origin=file.url,
                url=file_url(file, view),
                digest=str(file.digest),
                size=file.size,
            )
            for holding in holdings
            for file in holding.files.files
        ],
    }


def _registry(view: View) -> Pullable:
    return Pullable.at(view.main_origin, own_authority=view.has_authority)


def with_hint(error: ArchiverError) -> str:
    """Return an error's message, with its hint where it has one."""
    return error.message + (f" ({error.hint})" if error.hint else "")
