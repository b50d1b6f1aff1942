"""URLs that cannot exist, and what comes for them."""

from __future__ import annotations

from archiver.collect.web.documents.document import Facts
from archiver.collect.web.probe import MOST_PROBES, ProbeAnswer, is_probe, led_away, probe_urls

ORIGIN = "https://docs.example.org"


def test_the_seeds_folders_are_asked_about() -> None:
    """One URL a folder, ending as the seeds there do; the same in every run; the root where no seed is there."""
    seeds = (
        f"{ORIGIN}/v3/index.html",
        f"{ORIGIN}/v4/",
        f"{ORIGIN}/v4/guide",
        f"{ORIGIN}/v3.1",
        "https://other.org/x/",
    )
    urls = probe_urls(ORIGIN, seeds)
    folders = [url.rpartition("/")[0] for url in urls]
    assert folders == [f"{ORIGIN}/v3", f"{ORIGIN}/v4", ORIGIN]
    assert [url.endswith(".html") for url in urls] == [True, False, False]
    assert urls == probe_urls(ORIGIN, seeds)
    assert all(map(is_probe, urls))
    (root,) = probe_urls("https://third.org", seeds)
    assert root.startswith("https://third.org/archiver-no-such-page-")


def test_seeds_of_another_scheme_count() -> None:
    """Where http redirects to https, the folder is that of the http seed."""
    (url,) = probe_urls("https://docs.example.org", ["http://docs.example.org/v3/"])
    assert url.startswith("https://docs.example.org/v3/")


def test_few_folders_are_asked_about() -> None:
    """A spec with a hundred seeds does not cost a hundred requests for nothing."""
    assert len(probe_urls(ORIGIN, [f"{ORIGIN}/v{n}/" for n in range(100)])) == MOST_PROBES


def test_no_page_is_taken_for_a_probe() -> None:
    """Only the last part of a path tells, and not a query."""
    (url,) = probe_urls(ORIGIN, ())
    assert not is_probe(f"{ORIGIN}/docs/")
    assert not is_probe(f"{ORIGIN}/login?next={url}")


def test_redirects_that_only_respell_lead_nowhere() -> None:
    """To https, to a trailing slash, into a locale: the probe's name is still there. A query does not count."""
    (url,) = probe_urls(ORIGIN, ())
    name = url.rpartition("/")[2]
    assert led_away(f"{ORIGIN}/en/{name}/") == ""
    assert led_away(f"{ORIGIN}/login?next=/{name}") == f"{ORIGIN}/login"


def test_answers_survive_in_the_state() -> None:
    """What was answered is read back as it was."""
    facts = Facts("页面不存在", "", "zh", 12, "0011aabb", ("error title", "scripts"))
    answer = ProbeAnswer(f"{ORIGIN}/x", 200, f"{ORIGIN}/", "sha256:1", 17, facts)
    assert ProbeAnswer.from_json(answer.to_json()) == answer
    assert answer.pretended
    assert not answer.honest
    assert ProbeAnswer(f"{ORIGIN}/x", 410).honest
