"""A site whose list pages name more pages than anybody will fetch: what a frontier must hold."""

from __future__ import annotations

from servers.site import Asked, Reply, Site, html

PER_LIST = 5000


def answer_lists(site: Site, urls: int) -> int:
    """Make ``/docs/`` lead to pages that list ``urls`` different pages in all; return how many lists there are."""
    lists = urls // PER_LIST
    site.answers["/docs/"] = html(*(f"list-{number}" for number in range(lists)))
    for number in range(lists):
        site.answers[f"/docs/list-{number}"] = _listed
    return lists


def _listed(asked: Asked) -> Reply:
    number = int(asked.target.rpartition("-")[2])
    links = (
        f"chapter-{number}/section-{index % 50}/a-page-with-a-title-of-the-usual-length-{index}.html"
        for index in range(PER_LIST)
    )
    return Reply(html(*links))
