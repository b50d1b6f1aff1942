"""The report as a page: one file without scripts and without a network request.

URLs, messages and names come from strangers: all text is escaped, and only http(s) URLs become links.
"""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Sequence

from archiver.collect.web.reasons import (
    BUSY_HOST,
    DEAD_HOST,
    NOT_WEB,
    OTHER_LOCALE,
    OTHER_VERSION,
    OUTSIDE,
    ROBOTS,
)
from archiver.core.amounts import count_text, size_text
from archiver.core.report import SiteReport
from archiver.core.snapshot import HEALTHY

if TYPE_CHECKING:
    from typing import Iterable

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
"""URLs of one listing that the page shows; the JSON may have more."""
_LONG = 25  # a listing of more URLs is folded
_TEXT_COLUMNS = frozenset({"Sitemap", "Named by", "Host", "Edition", "What it is", "Name", "Digest"})
_NAMED_BY = {"guess": "no one; tried", "index": "another sitemap", "page": "a page", "spec": "the spec"}
_ADVICE = {
    ROBOTS: "The site's robots.txt forbids these. If you may archive them all the same, set robots: ignore in the spec.",
    DEAD_HOST: "Several URLs in a row got no connection, so the rest of the host was not tried.",
    BUSY_HOST: "The host wanted no more requests, again and again. The next run asks for these; fewer connections or a delay in the spec may help.",
    OUTSIDE: "Pages that belong to the site after all can be added to scope.include in the spec.",
    OTHER_VERSION: "The spec selects versions, and these are of others.",
    OTHER_LOCALE: "The spec selects locales, and these are of others.",
    NOT_WEB: "Mail addresses, telephone numbers and the like.",
}


def report_page(report: Report) -> bytes:
    """Return the page as UTF-8."""
    sources: list[SiteReport | SetReport] = [*report.sites, *report.sets]
    missing = "\n".join(map(_missing, filter(_lacks, sources)))
    body = [_section("missing", "What is missing", missing)] if missing else []
    body += [
        _section(f"site-{site.name}", f"Site {site.name}", _site(site), site.verdict) for site in report.sites
    ]
    held = [each for each in report.sets if each.kept]
    body += [_section(each.name, each.name.capitalize(), _set(each)) for each in held]
    links = [("#missing", "What is missing")] if missing else []
    links += [(f"#site-{site.name}", f"Site {site.name}") for site in report.sites]
    links += [(f"#{each.name}", each.name.capitalize()) for each in held]
    page = Template(files("archiver.collect").joinpath("templates/report.html").read_text("utf-8"))
    return page.substitute(
        title=escape(report.title),
        project=escape(report.project),
        snapshot=escape(report.snapshot),
        program=escape(report.program),
        document=escape(f"{report.snapshot}.report.json"),
        lead=escape(
            f"What the run from {_moment(report.started)} to {_moment(report.finished)} found and got"
        ),
        state=_state(report),
        facts="\n".join(_facts(report)),
        links=_navigation(links),
        body="\n".join(body),
    ).encode("utf-8", "replace")


def _navigation(links: Sequence[tuple[str, str]]) -> str:
    anchors = "\n".join(f'<a href="{escape(target)}">{escape(name)}</a>' for target, name in links)
    return f'<nav aria-label="On this page">\n{anchors}\n</nav>' if links else ""


def _moment(iso: str) -> str:
    return f"{iso[:10]} {iso[11:16]} UTC"


def _section(anchor: str, name: str, content: str, verdict: str = HEALTHY) -> str:
    badge = f' <span class="badge warn">{escape(verdict)}</span>' if verdict != HEALTHY else ""
    return f'<section id="{escape(anchor)}">\n<h2>{escape(name)}{badge}</h2>\n{content}\n</section>'


def _state(report: Report) -> str:
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


def _facts(report: Report) -> Iterable[str]:
    pages = [
        ("pages", sum(site.pages for site in report.sites)),
        ("requisites", sum(site.requisites for site in report.sites)),
    ]
    numbers = [
        *(pages if report.sites else []),
        *((each.name, each.items) for each in report.sets),
        *_unless_zero("sign or describe images", sum(each.referrers for each in report.sets)),
        *_unless_zero("kept from before", _carried(report)),
        *_unless_zero("gone upstream", sum(each.gone for each in report.sets)),
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


def _carried(report: Report) -> int:
    return sum(site.carried for site in report.sites) + sum(each.carried for each in report.sets)


def _lacks(source: SiteReport | SetReport) -> bool:
    return source.missing > 0


def _missing(source: SiteReport | SetReport) -> str:
    """Return what is missing of one source."""
    groups = [_listing(each, "Failed") for each in source.failed]
    if isinstance(source, SiteReport):
        groups += [_listing(each, "Not asked for") for each in source.skipped]
        groups += [_listing(each, "Listed in a sitemap") for each in source.unreached]
    return f"<h3>{escape(source.name)}: {source.missing:,}</h3>\n" + "\n".join(groups)


def _site(site: SiteReport) -> str:
    numbers = [
        ("URLs found", site.found),
        ("pages captured", site.pages),
        ("requisites", site.requisites),
        *_unless_zero("redirects", site.redirects),
        *_unless_zero("of these unchanged", site.unchanged),
        *_unless_zero("kept from an earlier run", site.carried),
        ("missing", site.missing),
        ("seconds", round(site.seconds)),
    ]
    seeds = ", ".join(_link(seed) for seed in site.seeds)
    tiles = "".join(f"<li><b>{number:,}</b>{escape(label)}</li>" for label, number in numbers)
    parts = [f'<p class="soft">{seeds}</p>\n<ul class="facts">{tiles}</ul>']
    if site.broken:
        parts.append(
            "<h3>Dead links of the site itself</h3><p>They led nowhere, and no earlier run had them.</p>"
        )
        parts += [_listing(each, "") for each in site.broken]
    if site.marked:
        parts.append("<h3>Pages that are not what they seem</h3>")
        parts += [_listing(each, "") for each in site.marked]
    if site.left_out:
        parts.append(
            "<h3>Left out</h3><p>Found, and left out on purpose: the spec does not want it, or it was no link after all.</p>"
        )
        parts += [_listing(each, "", folded=True) for each in site.left_out]
    parts.append("<h3>Sitemaps</h3>" + _sitemaps(site.sitemaps, site.coverage))
    if len(site.editions) > 1:
        parts.append("<h3>Versions and languages</h3>" + _editions(site.editions))
    if site.hosts:
        parts.append("<h3>Hosts</h3>" + _hosts(site.hosts))
    return "\n".join(parts)


def _set(each: SetReport) -> str:
    """Return what is here of the images or the files, with what is particular about each one."""
    shown = each.kept[:MOST_SHOWN]
    rows = [
        (
            f"{_link(item.name)}<small>{escape(', '.join(item.platforms))}</small>",
            f"<code>{escape(item.digest)}</code>{_particular(item)}",
            escape(size_text(item.size)),
        )
        for item in shown
    ]
    more = len(each.kept) - len(shown)
    rest = f"<p>and {more:,} more, all in the snapshot record</p>" if more else ""
    along = f"<p>{each.referrers:,} more sign or describe them.</p>" if each.referrers else ""
    return _table(("Name", "Digest", "Size"), rows) + rest + along


def _particular(item: ItemReport) -> str:
    notes = [f"told by {item.source}"] if item.source else []
    notes += [f"gone upstream since {_moment(item.gone)}"] if item.gone else []
    notes += [f"was {item.was} before"] if item.was else []
    notes += ["kept from before"] if item.carried else []
    return f"<small>{escape('; '.join(notes))}</small>" if notes else ""


def _unless_zero(label: str, number: int) -> list[tuple[str, int]]:
    return [(label, number)] if number else []


def _sitemaps(sitemaps: Sequence[SitemapReport], coverage: Coverage | None) -> str:
    parts = []
    if coverage is None:
        parts.append("<p>No sitemap says what this site has.</p>")
    else:
        share = coverage.captured / coverage.listed if coverage.listed else 1.0
        absent = coverage.listed - coverage.captured
        parts.append(
            f"<p>The site's sitemaps list <b>{count_text(coverage.listed, 'URL')}</b> in scope. "
            f"<b>{coverage.captured:,}</b> of them were captured{'' if absent else ': all'}, "
            f"<b>{absent:,}</b> were not.</p>"
            f'<div class="bar" role="img" aria-label="{share:.0%} captured"><i style="width:{share:.2%}"></i></div>'
        )
        parts += [_listing(each, "Not captured", folded=True) for each in coverage.missing]
        if coverage.unlisted.total:
            parts.append(_listing(coverage.unlisted, "Captured", folded=True))
    if sitemaps:
        rows = [
            (
                _link(each.url) + (f"<small>{escape(each.problem)}</small>" if each.problem else ""),
                escape(_NAMED_BY.get(each.named_by, each.named_by)),
                f"{each.pages:,}",
                f"{each.wanted:,}",
                f"{each.sitemaps:,}",
            )
            for each in sitemaps
        ]
        parts.append(_table(("Sitemap", "Named by", "URLs", "In scope", "Sitemaps"), rows))
    return "\n".join(parts)


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


def _listing(listing: Listing, kind: str, *, folded: bool = False) -> str:
    """Return a listing that can be folded.

    Args:
        listing: what to show.
        kind: what the reason speaks of.
        folded: whether it is folded at first; a long one always is.
    """
    unfolded = "" if folded or listing.total > _LONG else " open"
    shown = listing.entries[:MOST_SHOWN]
    more = listing.total - len(shown)
    advice = _ADVICE.get(listing.reason, "")
    said = f"<p>{escape(advice)}</p>" if advice else ""
    rest = f"<li>and {more:,} more</li>" if more else ""
    reason = escape(listing.reason)
    heading = f'<b>{escape(kind)}</b><span class="soft">{reason}</span>' if kind else f"<b>{reason}</b>"
    return (
        f"<details{unfolded}><summary>{heading}"
        f'<span class="count">{listing.total:,}</span></summary>{said}'
        f'<ul class="urls">{"".join(map(_entry, shown))}{rest}</ul></details>'
    )


def _entry(entry: Entry) -> str:
    note = f"<small>{escape(entry.note)}</small>" if entry.note else ""
    found = f"<small>found on {_link(entry.referrer)}</small>" if entry.referrer else ""
    return f"<li>{_link(entry.url)}{note}{found}</li>"


def _link(url: str) -> str:
    if url.startswith(("http://", "https://")):
        return f'<a href="{escape(url)}" rel="noreferrer noopener">{escape(url)}</a>'
    return escape(url)


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
