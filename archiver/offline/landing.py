"""The first page that a reader sees: what is in here, from when, how complete, and how to get at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence
from urllib.parse import quote, urlsplit

from archiver.core.amounts import count_text, size_text
from archiver.core.reference import Reference
from archiver.offline.markup import (
    day_of_timestamp,
    day_text,
    esc,
    page,
    search_box,
)
from archiver.offline.pullname import host_component, pull_name

if TYPE_CHECKING:
    from archiver.core.snapshot import Failure
    from archiver.offline.addresses import View
    from archiver.offline.holdings import File, Holding, Image, Site
    from archiver.offline.wsgi import Reply

_LOOPBACK = ("127.", "localhost", "[::1]")


def landing_page(holdings: Sequence[Holding], view: View) -> Reply:
    """Return the landing page of one project, or of an archive with several."""
    title = holdings[0].title or holdings[0].project if len(holdings) == 1 else "Archive"
    lead = _when(holdings[0]) if len(holdings) == 1 else f"<p>{count_text(len(holdings), 'project')}</p>"
    search = search_box() if any(holding.search for holding in holdings) else ""
    sections = "".join(_project(holding, view, alone=len(holdings) == 1) for holding in holdings)
    registries = {
        Reference.parse(image.reference).registry for holding in holdings for image in holding.images.images
    }
    return page(
        f"{title} · offline",
        f'<header class="top"><div class="wrap"><p class="eyebrow">Offline copy</p><h1>{esc(title)}</h1>'
        f'{lead}{search}{_nav(holdings)}</div></header><main id="main" class="wrap">{sections}'
        f"{_mirrors(sorted(registries), view) if registries else ''}</main>",
    )


def image_name(image: Image, view: View) -> str:
    """Return the name by which any client pulls an image from this server."""
    return pull_name(Reference.parse(image.reference), urlsplit(view.main).netloc)


def file_url(file: File, view: View) -> str:
    """Return where a downloaded file is served."""
    return f"{view.main}/files/{quote(file.path)}"


def site_url(site: Site, view: View) -> str | None:
    """Return where a site's first seed is served, or None where nothing of it is."""
    return next((url for seed in site.seeds if (url := view.locate(seed))), None) or next(
        (url for origin in site.origins if (url := view.locate(f"{origin}/"))), None
    )


def _nav(holdings: Sequence[Holding]) -> str:
    """Return links to the page's sections, where there are enough to get lost in."""
    if len(holdings) > 1:
        links = [(f"#{holding.project}", holding.title or holding.project) for holding in holdings]
    else:
        holding = holdings[0]
        parts = (
            ("#docs", "Documentation", holding.sites),
            ("#images", "Images", holding.images.images),
            ("#files", "Files", holding.files.files),
            ("#missing", "Not here, or not renewed", holding.failures),
        )
        links = [(target, name) for target, name, content in parts if content]
    if len(links) < 2:
        return ""
    items = "".join(f'<li><a href="{esc(target)}">{esc(name)}</a></li>' for target, name in links)
    return f'<nav aria-label="On this page"><ul>{items}</ul></nav>'


def _when(holding: Holding) -> str:
    state = (
        f'<a class="badge warn" href="#{_id(holding, "missing")}">{count_text(len(holding.failures), "thing")}'
        " not here, or not renewed</a>"
        if holding.failures
        else '<span class="badge good">complete</span>'
    )
    return (
        f'<p class="when">Archived <time datetime="{esc(holding.created)}">{esc(day_text(holding.created))}</time>'
        f' <span class="dim">snapshot {esc(holding.snapshot)}</span> {state}</p>'
    )


def _id(holding: Holding, part: str, *, alone: bool = True) -> str:
    return part if alone else f"{esc(holding.project)}-{part}"


def _project(holding: Holding, view: View, *, alone: bool) -> str:
    level = 2 if alone else 3
    parts = (
        _docs(holding, view, level, _id(holding, "docs", alone=alone)),
        _images(holding.images.images, view, level, _id(holding, "images", alone=alone)),
        _files(holding.files.files, view, level, _id(holding, "files", alone=alone)),
        _missing(holding.failures, level, _id(holding, "missing", alone=alone)),
    )
    if alone:
        return "".join(parts)
    name = esc(holding.title or holding.project)
    when = _when(holding).replace('href="#missing"', f'href="#{_id(holding, "missing", alone=False)}"')
    return f'<section class="project" id="{esc(holding.project)}"><h2>{name}</h2>{when}{"".join(parts)}</section>'


def _section(name: str, note: str, level: int, anchor: str, content: str) -> str:
    return (
        f'<section aria-labelledby="{anchor}-h" id="{anchor}"><div class="head"><h{level} id="{anchor}-h">{name}'
        f'</h{level}><p class="dim">{note}</p></div>{content}</section>'
    )


def _docs(holding: Holding, view: View, level: int, anchor: str) -> str:
    if not holding.sites:
        return ""
    cards = "".join(f"<li>{_doc(site, view)}</li>" for site in holding.sites)
    pages = count_text(sum(site.pages for site in holding.sites), "page")
    return _section("Documentation", pages, level, anchor, f'<ul class="cards">{cards}</ul>')


def _doc(site: Site, view: View) -> str:
    day = day_of_timestamp(site.newest)
    facts = " · ".join(filter(None, (count_text(site.pages, "page"), f"as of {day}" if day else "")))
    original = site.seeds[0] if site.seeds else (site.origins or ("",))[0]
    about = f'<span class="from">{esc(original)}</span><span class="dim">{esc(facts)}</span>'
    url = site_url(site, view)
    name = f'<span class="name">{esc(site.name)}</span>'
    if url is None:
        return f'<div class="card">{name}{about}</div>'
    return f'<a class="card" href="{esc(url)}">{name}{about}<span class="go">Open</span></a>'


def _images(images: Sequence[Image], view: View, level: int, anchor: str) -> str:
    if not images:
        return ""
    listed = sorted(images, key=lambda image: image.reference)
    rows = "".join(_image(image, view) for image in listed if not image.refers_to)
    referrers = [image for image in listed if image.refers_to]
    tools = "".join(
        f'<input type="radio" class="hidden" name="{anchor}-tool" id="{anchor}-{tool}" data-tool="{tool}"'
        f'{" checked" if tool == "docker" else ""}><label for="{anchor}-{tool}">{tool}</label>'
        for tool in ("docker", "podman", "skopeo")
    )
    return _section(
        "Container images",
        count_text(len(images) - len(referrers), "image"),
        level,
        anchor,
        f'<fieldset class="tools"><legend class="hidden">Show commands for</legend>{tools}</fieldset>'
        f'<ul class="rows">{rows}</ul>{_referrers(referrers)}',
    )


def _referrers(images: Sequence[Image]) -> str:
    """Return what signs and describes images, folded away: tools find it by the images themselves."""
    if not images:
        return ""
    rows = "".join(
        f'<li><h4 class="ref">{esc(image.reference)}</h4><p class="dim">{esc(size_text(image.size))} · '
        f"about {esc(image.refers_to)}</p></li>"
        for image in images
    )
    summary = f"Signatures, SBOMs and attestations of these images ({len(images):,})"
    return f'<details class="folded"><summary>{summary}</summary><ul class="rows">{rows}</ul></details>'


def _image(image: Image, view: View) -> str:
    name = image_name(image, view)
    commands = {
        "docker": f"docker pull {name}",
        "podman": f"podman pull --tls-verify=false {name}",
        "skopeo": f"skopeo copy --src-tls-verify=false docker://{name} dir:DESTINATION",
    }
    shown = "".join(
        f'<p class="cmd {tool}"><code>{esc(command)}</code></p>' for tool, command in commands.items()
    )
    facts = " · ".join(filter(None, (size_text(image.size), ", ".join(image.platforms))))
    return (
        f'<li><h4 class="ref">{esc(image.reference)}</h4><p class="dim">{esc(facts)}</p>{shown}'
        f'<p class="digest">{esc(str(image.digest))}</p></li>'
    )


def _mirrors(registries: Sequence[str], view: View) -> str:
    """Return how to pull by the original names; folded away, for those who run clusters."""
    netloc = urlsplit(view.main).netloc
    blocks = "\n\n".join(_mirror_block(registry, netloc) for registry in registries)
    insecure = (
        ""
        if netloc.startswith(_LOOPBACK)
        else f"""<h3>Docker on another machine</h3><p>This server speaks plain HTTP, so Docker has to be told to trust
it, in <code>/etc/docker/daemon.json</code>:</p><pre>{{ "insecure-registries": ["{esc(netloc)}"] }}</pre>"""
    )
    return f"""<details class="more"><summary>Pull by the original names, for clusters</summary>
<p>Used as a mirror, this server lets nodes pull every image above by the name it has always had.</p>
<h3>containerd</h3><p>In <code>/etc/containerd/certs.d/_default/hosts.toml</code>:</p>
<pre>[host."{esc(view.main)}"]
  capabilities = ["pull", "resolve"]</pre>
<h3>Podman and CRI-O</h3><p>In <code>/etc/containers/registries.conf.d/offline.conf</code>:</p>
<pre>{esc(blocks)}</pre>{insecure}</details>"""


def _mirror_block(registry: str, netloc: str) -> str:
    """Return the entry of containers-registries.conf(5) by which a server stands in for a registry."""
    return f"""[[registry]]
location = "{registry}"
[[registry.mirror]]
location = "{netloc}/{host_component(registry)}"
insecure = true"""


def _files(files: Sequence[File], view: View, level: int, anchor: str) -> str:
    if not files:
        return ""
    rows = "".join(
        f'<li><h4><a href="{esc(file_url(file, view))}" download>{esc(file.path.rsplit("/", 1)[-1])}</a></h4>'
        f'<p class="dim">{esc(size_text(file.size))} · from <span class="from">{esc(file.url)}</span></p>'
        f'<p class="digest">{esc(str(file.digest))}</p></li>'
        for file in files
    )
    total = size_text(sum(file.size for file in files))
    return _section(
        "Files", f"{count_text(len(files), 'file')} · {total}", level, anchor, f'<ul class="rows">{rows}</ul>'
    )


def _missing(failures: Sequence[Failure], level: int, anchor: str) -> str:
    if not failures:
        return ""
    rows = "".join(
        f'<li><h4 class="ref">{esc(failure.subject)}</h4><p class="dim">{esc(failure.source)} · '
        f"{esc(failure.message)}</p></li>"
        for failure in failures
    )
    return _section(
        "Not here, or not renewed",
        f"{count_text(len(failures), 'thing')} in all; of what could not be fetched again, an earlier copy is here",
        level,
        anchor,
        f'<ul class="rows">{rows}</ul>',
    )
