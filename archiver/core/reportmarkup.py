"""The parts of a crawl report as HTML: the keeper's page and the one that readers are served are made of them.

URLs, messages and names come from strangers: all text is escaped. What a URL links to is for the page to say, since
the keeper's leads to the live sites and the reader's to what is archived of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Callable, Mapping, Sequence

from archiver.core.amounts import count_text, size_text
from archiver.core.judgement import HEALTHY
from archiver.core.report import SiteReport

if TYPE_CHECKING:
    from typing import Iterable

    from archiver.core.judgement import Judgement
    from archiver.core.report import (
        Coverage,
        EditionReport,
        Entry,
        HostReport,
        ItemReport,
        Listing,
        Report,
        SetReport,
        SitemapReport,
    )

MOST_SHOWN = 1_000
"""URLs of one listing that a page shows; the JSON may have more."""
_LONG = 25  # a listing of more URLs is folded
_TEXT_COLUMNS = frozenset({"Sitemap", "Named by", "Host", "Edition", "What it is", "Name", "Digest"})
_NAMED_BY = {"guess": "no one; tried", "index": "another sitemap", "page": "a page", "spec": "the spec"}


@dataclass(frozen=True)
class ReportMarkup:
    """Makes a report's parts.

    Attributes:
        link: returns the markup of a URL or reference, escaped.
        advice: what to say about a listing, by its reason.
    """

    link: Callable[[str], str]
    advice: Mapping[str, str] = field(default_factory=dict)

    def sections(self, report: Report) -> str:
        """Return what was refused, what is missing, then a section a site, then what is here of images and files."""
        sources: list[SiteReport | SetReport] = [*report.sites, *report.sets]
        missing = "\n".join(map(self._missing, filter(_lacks, sources)))
        refused = "\n".join(map(self._refused, report.refused))
        found = [_section("refused", "What was refused", refused)] if refused else []
        found += [_section("missing", "What is missing", missing)] if missing else []
        verdicts = {each.source: "retired" if each.retired else each.verdict for each in report.judgements}
        found += [
            _section(
                f"site-{site.name}", f"Site {site.name}", self._site(site), verdicts.get(site.name, HEALTHY)
            )
            for site in report.sites
        ]
        found += [
            _section(each.name, each.name.capitalize(), self._set(each), verdicts.get(each.name, HEALTHY))
            for each in _held(report)
        ]
        return "\n".join(found)

    def _refused(self, judged: Judgement) -> str:
        """Return why what came of a source is not in the snapshot, with what shows it."""
        since = f" It has been so since {moment_text(judged.since)}." if judged.since else ""
        kept = "What was good before is kept." if judged.keeps else "There was nothing good before."
        urls = "".join(f"<li>{self.link(url)}</li>" for url in judged.examples)
        return (
            f"<h3>{escape(judged.source)}: {escape(judged.verdict)}</h3>"
            f"<p>{escape(judged.reason)}{escape(since)} {kept}</p>"
            + (f'<ul class="urls">{urls}</ul>' if urls else "")
        )

    def _missing(self, source: SiteReport | SetReport) -> str:
        """Return what is missing of one source."""
        groups = [self._listing(each, "Failed") for each in source.failed]
        if isinstance(source, SiteReport):
            groups += [self._listing(each, "Not asked for") for each in source.skipped]
            groups += [self._listing(each, "Listed in a sitemap") for each in source.unreached]
        return f"<h3>{escape(source.name)}: {source.missing:,}</h3>\n" + "\n".join(groups)

    def _site(self, site: SiteReport) -> str:
        numbers = [
            ("URLs found", site.found),
            ("pages captured", site.pages),
            ("requisites", site.requisites),
            *_unless_zero("redirects", site.redirects),
            *_unless_zero("of these unchanged", site.unchanged),
            *_unless_zero("kept from an earlier run", site.carried),
            *_unless_zero("not due yet", site.not_due),
            ("missing", site.missing),
            ("seconds", round(site.seconds)),
        ]
        seeds = ", ".join(self.link(seed) for seed in site.seeds)
        tiles = "".join(f"<li><b>{number:,}</b>{escape(label)}</li>" for label, number in numbers)
        parts = [f'<p class="soft">{seeds}</p>\n<ul class="facts">{tiles}</ul>']
        if site.broken:
            parts.append(
                "<h3>Dead links of the site itself</h3><p>They led nowhere, and no earlier run had them.</p>"
            )
            parts += [self._listing(each, "") for each in site.broken]
        if site.gone:
            parts.append(
                "<h3>Gone upstream</h3><p>The site has these no longer; the last good captures are kept.</p>"
            )
            parts += [self._listing(each, "") for each in site.gone]
        if site.marked:
            parts.append("<h3>Pages that are not what they seem</h3>")
            parts += [self._listing(each, "") for each in site.marked]
        if site.left_out:
            parts.append(
                "<h3>Left out</h3><p>Found, and left out on purpose: the spec does not want it, or it was no link after all.</p>"
            )
            parts += [self._listing(each, "", folded=True) for each in site.left_out]
        parts.append("<h3>Sitemaps</h3>" + self._sitemaps(site.sitemaps, site.coverage))
        if len(site.editions) > 1:
            parts.append("<h3>Versions and languages</h3>" + _editions(site.editions))
        if site.hosts:
            parts.append("<h3>Hosts</h3>" + _hosts(site.hosts))
        return "\n".join(parts)

    def _set(self, each: SetReport) -> str:
        """Return what is here of the images or the files, with what is particular about each one."""
        shown = each.kept[:MOST_SHOWN]
        rows = [
            (
                f"{self.link(item.name)}<small>{escape(', '.join(item.platforms))}</small>",
                f"<code>{escape(item.digest)}</code>{_particular(item)}",
                escape(size_text(item.size)),
            )
            for item in shown
        ]
        more = len(each.kept) - len(shown)
        rest = f"<p>and {more:,} more, all in the snapshot record</p>" if more else ""
        along = f"<p>{each.referrers:,} more sign or describe them.</p>" if each.referrers else ""
        return _table(("Name", "Digest", "Size"), rows) + rest + along

    def _sitemaps(self, sitemaps: Sequence[SitemapReport], coverage: Coverage | None) -> str:
        parts = []
        if coverage is None:
            parts.append("<p>No sitemap says what this site has.</p>")
        elif not coverage.listed:
            parts.append("<p>The site's sitemaps list nothing that is in scope.</p>")
        else:
            share = coverage.captured / coverage.listed
            absent = coverage.listed - coverage.captured
            parts.append(
                f"<p>The site's sitemaps list <b>{count_text(coverage.listed, 'URL')}</b> in scope. "
                f"<b>{coverage.captured:,}</b> of them were captured{'' if absent else ': all'}, "
                f"<b>{absent:,}</b> were not.</p>"
                f'<svg class="bar" role="img" aria-label="{share:.0%} captured"><rect width="{share:.2%}" height="100%"/></svg>'
            )
        if coverage is not None:
            parts += [self._listing(each, "Not captured", folded=True) for each in coverage.missing]
            if coverage.unlisted.total:
                parts.append(self._listing(coverage.unlisted, "Captured", folded=True))
        if sitemaps:
            rows = [
                (
                    self.link(each.url) + (f"<small>{escape(each.problem)}</small>" if each.problem else ""),
                    escape(_NAMED_BY.get(each.named_by, each.named_by)),
                    f"{each.pages:,}",
                    f"{each.wanted:,}",
                    f"{each.sitemaps:,}",
                )
                for each in sitemaps
            ]
            parts.append(_table(("Sitemap", "Named by", "URLs", "In scope", "Sitemaps"), rows))
        return "\n".join(parts)

    def _listing(self, listing: Listing, kind: str, *, folded: bool = False) -> str:
        """Return a listing that can be folded.

        Args:
            listing: what to show.
            kind: what the reason speaks of.
            folded: whether it is folded at first; a long one always is.
        """
        unfolded = "" if folded or listing.total > _LONG else " open"
        shown = listing.entries[:MOST_SHOWN]
        more = listing.total - len(shown)
        advice = self.advice.get(listing.reason, "")
        said = f"<p>{escape(advice)}</p>" if advice else ""
        rest = f"<li>and {more:,} more</li>" if more else ""
        reason = escape(listing.reason)
        heading = f'<b>{escape(kind)}</b><span class="soft">{reason}</span>' if kind else f"<b>{reason}</b>"
        return (
            f"<details{unfolded}><summary>{heading}"
            f'<span class="count">{listing.total:,}</span></summary>{said}'
            f'<ul class="urls">{"".join(map(self._entry, shown))}{rest}</ul></details>'
        )

    def _entry(self, entry: Entry) -> str:
        note = f"<small>{escape(entry.note)}</small>" if entry.note else ""
        found = f"<small>found on {self.link(entry.referrer)}</small>" if entry.referrer else ""
        return f"<li>{self.link(entry.url)}{note}{found}</li>"


def _section(anchor: str, name: str, content: str, verdict: str = HEALTHY) -> str:
    badge = f' <span class="badge warn">{escape(verdict)}</span>' if verdict != HEALTHY else ""
    return f'<section id="{escape(anchor)}">\n<h2>{escape(name)}{badge}</h2>\n{content}\n</section>'


def report_state(report: Report) -> str:
    """Return what was refused, and whether anything is missing, as notes."""
    refused = "".join(
        f'<div class="note warn"><p><strong>{escape(each.source)} is {escape(each.verdict)}.</strong> '
        f'{escape(each.reason)} <a href="#refused">See more</a></p></div>'
        for each in report.refused
    )
    return refused + _missing_state(report)


def _missing_state(report: Report) -> str:
    if not report.missing:
        return (
            '<div class="note"><p><strong>Nothing is missing.</strong> '
            "All that the spec asks for is here.</p></div>"
        )
    some = "1 thing is" if report.missing == 1 else f"{report.missing:,} things are"
    return (
        f'<div class="note warn"><p><strong>{some} missing</strong> of what the spec asks for. '
        '<a href="#missing">See which, and why</a></p></div>'
    )


def report_facts(report: Report) -> Iterable[str]:
    """Yield the numbers that sum the run up, as list items."""
    pages = [
        ("pages", sum(site.pages for site in report.sites)),
        ("requisites", sum(site.requisites for site in report.sites)),
    ]
    numbers = [
        *(pages if report.sites else []),
        *((each.name, each.items) for each in report.sets),
        *_unless_zero("sign or describe images", sum(each.referrers for each in report.sets)),
        *_unless_zero("kept from before", _carried(report)),
        *_unless_zero("gone upstream", _gone(report)),
    ]
    for label, number in numbers:
        yield f"<li><b>{number:,}</b>{escape(label)}</li>"
    if report.sites:
        received = size_text(sum(site.bytes for site in report.sites))
        yield f"<li><b>{escape(received)}</b>received for sites</li>"
    broken = sum(each.total for site in report.sites for each in site.broken)
    if broken:
        yield f"<li><b>{broken:,}</b>dead links</li>"
    warn = ' class="warn"' if report.missing else ""
    yield f"<li{warn}><b>{report.missing:,}</b>missing</li>"


def report_links(report: Report) -> list[tuple[str, str]]:
    """Return target and name of each section that ``ReportMarkup.sections`` makes."""
    links = [("#refused", "What was refused")] if report.refused else []
    links += [("#missing", "What is missing")] if report.missing else []
    links += [(f"#site-{site.name}", f"Site {site.name}") for site in report.sites]
    links += [(f"#{each.name}", each.name.capitalize()) for each in _held(report)]
    return links


def moment_text(iso: str) -> str:
    """Return a time of a report for people: ``2026-11-23 00:44 UTC``."""
    return f"{iso[:10]} {iso[11:16]} UTC"


def _held(report: Report) -> list[SetReport]:
    return [each for each in report.sets if each.kept]


def _carried(report: Report) -> int:
    return sum(site.carried for site in report.sites) + sum(each.carried for each in report.sets)


def _gone(report: Report) -> int:
    pages = sum(each.total for site in report.sites for each in site.gone)
    return pages + sum(each.gone for each in report.sets)


def _lacks(source: SiteReport | SetReport) -> bool:
    return source.missing > 0


def _particular(item: ItemReport) -> str:
    notes = [f"told by {item.source}"] if item.source else []
    notes += [f"gone upstream since {moment_text(item.gone)}"] if item.gone else []
    notes += [f"was {item.was} before"] if item.was else []
    notes += ["kept from before"] if item.carried else []
    return f"<small>{escape('; '.join(notes))}</small>" if notes else ""


def _unless_zero(label: str, number: int) -> list[tuple[str, int]]:
    return [(label, number)] if number else []


def _hosts(hosts: Sequence[HostReport]) -> str:
    rows = [
        (
            escape(host.origin),
            f"{host.urls:,}",
            f"{host.captured:,}",
            f"{host.failed:,}",
            escape(size_text(host.bytes)),
            f"{host.slowed:,}<small>{host.waited:,.0f} s</small>" if host.slowed else "0",
        )
        for host in hosts
    ]
    return _table(("Host", "URLs", "Captured", "Failed", "Received", "Asked to wait"), rows)


def _editions(editions: Sequence[EditionReport]) -> str:
    rows = [
        (escape(each.name), escape(each.kind), f"{each.captured:,}", f"{each.left_out:,}")
        for each in editions
    ]
    return (
        "<p>What URLs show. <code>versions</code> and <code>locales</code> in the spec select among them.</p>"
        + _table(("Edition", "What it is", "Captured", "Left out"), rows)
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the cells are markup, and all columns but those of text hold numbers."""
    kinds = ["" if column in _TEXT_COLUMNS else ' class="size"' for column in columns]
    heads = "".join(f'<th{kind} scope="col">{column}</th>' for kind, column in zip(kinds, columns))
    body = "".join(
        "<tr>"
        + "".join(
            f'<td{kind} data-name="{column}">{cell}</td>' for kind, column, cell in zip(kinds, columns, row)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
