"""The images on a project's page: what there is, and what to type for it, client by client.

A list that is too long to look through is folded by namespace and can be narrowed by name, without a script as well.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Iterable, Sequence

from archiver.core.amounts import count_text, size_text
from archiver.core.reference import Reference
from archiver.offline.markup import command, esc, gone_text, groups, narrow_box, section
from archiver.offline.pulling import (
    AUTHORITY,
    authority_commands,
    image_commands,
    original_commands,
    rename_commands,
    settings,
    source_registries,
)
from archiver.offline.pullname import pull_name

if TYPE_CHECKING:
    from archiver.offline.holdings import Image
    from archiver.offline.pulling import Command, Pullable

FOLDED_FROM = 25
"""A list as long as this is folded, and can be narrowed."""
NAMES = "/-/images.txt"
"""The list of names for programs."""
_TOOLS = (
    ("docker", "Docker"),
    ("podman", "Podman"),
    ("ctr", "containerd"),
    ("nerdctl", "nerdctl"),
    ("kubernetes", "Kubernetes"),
    ("skopeo", "skopeo"),
)
_IN_TURN = ("docker", "podman", "ctr", "nerdctl")  # clients that pull one name after another


def images_section(
    images: Sequence[Image], registry: Pullable, *, names: str, find: str, note: str = ""
) -> str:
    """Return the section with all images; nothing where there are none.

    Args:
        images: of one project.
        registry: where they are served.
        names: the address of the list of their names.
        find: what the reader narrows the list by; empty for all.
        note: markup that stands above the list.
    """
    if not images:
        return ""
    listed = sorted((image for image in images if not image.refers_to), key=_by_namespace)
    shown = [image for image in listed if find.casefold() in image.reference.casefold()]
    narrow = narrow_box("images", "Find an image", find) if len(listed) >= FOLDED_FROM else ""
    counted = count_text(len(listed), "image")
    return section(
        "images",
        "Container images",
        f"{len(shown):,} of {counted}" if find else counted,
        f'{note}<div class="bar-of-tools">{_tools()}{narrow}</div>'
        f'<div id="images-list">{_listed(shown, registry, folded=len(shown) >= FOLDED_FROM)}</div>'
        f"{_all_of_them(listed, registry, names)}{_described(images)}{_original_names(listed, registry)}",
    )


def image_names(images: Iterable[Image], registry: Pullable) -> bytes:
    """Return the names by which images are pulled here, one a line, as ``/-/images.txt`` has them."""
    runnable = (image for image in images if any(image.platforms) and not image.refers_to)
    names = {pull_name(Reference.parse(image.reference), registry.netloc) for image in runnable}
    return "".join(f"{name}\n" for name in sorted(names)).encode()


def _tools() -> str:
    """Return the choice of a client, which the style sheet obeys."""
    choices = "".join(
        f'<input type="radio" class="hidden" name="tool" id="tool-{tool}" data-tool="{tool}"'
        f'{" checked" if tool == _TOOLS[0][0] else ""}><label for="tool-{tool}">{label}</label>'
        for tool, label in _TOOLS
    )
    return f'<fieldset class="tools"><legend class="hidden">Show commands for</legend>{choices}</fieldset>'


def _listed(images: Sequence[Image], registry: Pullable, *, folded: bool) -> str:
    if not images:
        return '<p class="none">No image has that in its name.</p>'
    if not folded:
        return _rows(images, registry)
    spaces = [(space, list(group)) for space, group in groupby(images, _namespace)]
    return groups((space, f"{len(group):,}", _rows(group, registry)) for space, group in spaces)


def _namespace(image: Image) -> str:
    reference = Reference.parse(image.reference)
    return f"{reference.registry}/{reference.repository}".rpartition("/")[0]


def _by_namespace(image: Image) -> tuple[str, str]:
    return _namespace(image), image.reference


def _rows(images: Iterable[Image], registry: Pullable) -> str:
    rows = "".join(_row(image, registry) for image in images)
    return f'<ul class="rows" role="list">{rows}</ul>'


def _row(image: Image, registry: Pullable) -> str:
    facts = " · ".join(filter(None, (size_text(image.size), ", ".join(image.platforms))))
    return (
        f'<li><div class="what"><p class="ref">{_reference(image.reference)}</p><p class="dim">{esc(facts)}{gone_text(image.gone)}</p></div>'
        f'<pre class="cmd"><code>{_variants(image, registry)}</code></pre>'
        f'<p class="digest">{esc(str(image.digest))}</p></li>'
    )


def _variants(image: Image, registry: Pullable) -> str:
    """Return an image's command for every client in one: what they have in common, its name, stands there once.

    There may be a thousand images, and browsers take their time for six thousand lines.
    """
    commands = image_commands(image, registry)
    name = pull_name(Reference.parse(image.reference), registry.netloc)
    # What only other clients take shows its first command for each client that has none.
    lacking = [tool for tool, _ in _TOOLS if tool not in {each.tool for each in commands}]
    tools = [[each.tool, *(lacking if number == 0 else ())] for number, each in enumerate(commands)]
    if not all(name in each.text for each in commands):  # Helm's has the tag elsewhere
        return "".join(_only_for(shown, each.text) for shown, each in zip(tools, commands))
    before, after = [], []
    for shown, each in zip(tools, commands):
        start, _, end = each.text.partition(name)
        before.append(_only_for(shown, start))
        after.append(_only_for(shown, end) if end else "")
    return "".join((*before, esc(name), *after))


def _only_for(tools: Iterable[str], text: str) -> str:
    return f'<span data-for="{" ".join(tools)}">{esc(text)}</span>'


def _reference(text: str) -> str:
    """Return a reference with the part that tells it from others marked."""
    space, slash, rest = text.rpartition("/")
    mark = "@" if "@" in rest else ":"
    name, sign, tag = rest.partition(mark)
    return f'<span class="space">{esc(space + slash)}</span><b>{esc(name)}</b><span class="tag">{esc(sign + tag)}</span>'


def _all_of_them(images: Sequence[Image], registry: Pullable, names: str) -> str:
    """Return how to pull every image at once, where there are several."""
    runnable = [image for image in images if any(image.platforms)]
    if len(runnable) < 2:
        return ""
    name = pull_name(Reference.parse(runnable[0].reference), registry.netloc)
    trust = f" --cacert {AUTHORITY}" if registry.own_authority else ""
    address = f"'{names}'" if "?" in names else names  # shells take a question mark for a pattern
    lines = "".join(
        command(
            f"curl -fsS{trust} {address} | xargs -I NAME {each.text.replace(name, 'NAME')}",
            only_for=each.tool,
        )
        for each in image_commands(runnable[0], registry)
        if each.tool in _IN_TURN
    )
    return (
        f'<div class="box" data-for="{" ".join(_IN_TURN)}"><p><b>All {len(runnable):,} of them</b>, by <a href="{esc(names)}">the list of their '
        f"names</a></p>{lines}</div>"
    )


def _described(images: Sequence[Image]) -> str:
    """Return what signs and describes images, folded away: tools find it by the images themselves."""
    listed = sorted((image for image in images if image.refers_to), key=lambda image: image.reference)
    if not listed:
        return ""
    rows = "".join(
        f'<li><p class="ref">{_reference(image.reference)}</p><p class="dim">{esc(size_text(image.size))} · '
        f"about {esc(image.refers_to)}</p></li>"
        for image in listed
    )
    name = "Signatures, SBOMs and attestations of these images"
    return groups([(name, f"{len(listed):,}", f'<ul class="rows" role="list">{rows}</ul>')])


def _original_names(images: Sequence[Image], registry: Pullable) -> str:
    """Return how machines are set up to pull by the original names; folded away, for those who run clusters."""
    files = "".join(
        f'<h3>{esc(each.title)}</h3><p class="dim">In <code>{esc(each.path)}</code></p>{command(each.text)}'
        for each in settings(source_registries(images), registry)
    )
    trust = authority_commands(registry)
    trusted = f"<h3>First, trust this server</h3>{_labelled(trust)}" if trust else ""
    example = next((image for image in images if any(image.platforms)), None)
    after = ""
    if example is not None:
        after = f"<h3>Then, for example</h3>{_labelled(original_commands(example))}"
        renamed = rename_commands(example, registry)
        if renamed:
            after += (
                "<h3>Without any of that</h3><p>What was pulled by its name here can be given its original one:</p>"
                f"{_labelled(renamed)}"
            )
    return (
        '<details class="box more"><summary>Pull by the original names, for clusters</summary>'
        "<p>Set up as below, nodes pull every image here by the name it has always had: manifests and charts need no "
        f"change.</p>{trusted}{files}{after}</details>"
    )


def _labelled(commands: Iterable[Command]) -> str:
    return "".join(f'<p class="label">{esc(each.label)}</p>{command(each.text)}' for each in commands)
