"""What can be known to be wrong with a spec before any network is used.

The model (``archiver.spec``) knows what values look like; this module asks the collectors themselves, so
that a spec that passes here does not fail later for a reason that was in the spec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator, Mapping, Sequence

from archiver.collect.files.naming import path_of
from archiver.collect.hook import hook_problems
from archiver.collect.images.lists import check_lists, is_url, local_list, malformed_lines
from archiver.collect.images.tags import ExactRule, parse_rule
from archiver.collect.images.versions import tag_version
from archiver.collect.web.credentials import auth_problems
from archiver.collect.web.credentials import problems as credential_problems
from archiver.collect.web.patterns import is_rule
from archiver.collect.web.urls import is_web, resolve
from archiver.core.errors import InvalidURL, SpecError
from archiver.core.reference import Reference
from archiver.core.urlkey import Origin
from archiver.spec.environment import variables
from archiver.spec.files import FileIndex
from archiver.spec.load import load_spec

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.errors import ArchiverError
    from archiver.spec.load import LoadedSpec
    from archiver.spec.registries import RegistrySettings

_URL_HINT = "write it in full, such as https://docs.example.org/v2/"


def checked_spec(path: Path) -> LoadedSpec:
    """Load a spec and check everything in it, and that the image lists beside it can be read.

    Raises:
        SpecError: anything is wrong; ``place`` is ``file:line``, ``more`` has the further problems.
    """
    loaded = load_spec(path)
    problems = [
        *_site_problems(loaded),
        *_tag_problems(loaded),
        *_list_problems(loaded),
        *_file_problems(loaded),
    ]
    if problems:
        raise SpecError.joined(problems)
    return loaded


def check_list_lines(loaded: LoadedSpec) -> None:
    """Check the lines of the image lists beside a spec. Where one is malformed, archiving goes on with the others.

    Raises:
        SpecError: a line is no reference; ``place`` is the list's ``file:line``, ``more`` has the further ones.
    """
    images = loaded.spec.images
    problems = list(malformed_lines(images, loaded.folder)) if images else []
    if problems:
        raise SpecError.joined(problems)


def check_environment(loaded: LoadedSpec, environment: Mapping[str, str]) -> None:
    """Check what a spec expects beside itself: variables with values that can be sent, and files for TLS.

    Raises:
        SpecError: something is missing or unusable, with the line of the spec that asks for it and never with a value.
    """
    problems = [
        *(
            SpecError(error.message, place=loaded.place("docs", index, *at), hint=error.hint)
            for index, site in enumerate(loaded.spec.docs)
            for at, error in credential_problems(site, environment)
        ),
        *(
            SpecError(error.message, place=loaded.place("registries", name, *at), hint=error.hint)
            for name, settings in loaded.spec.registries.items()
            for at, error in _registry_problems(name, settings, loaded.folder, environment)
        ),
    ]
    if problems:
        raise SpecError.joined(problems)


def advice(loaded: LoadedSpec, environment: Mapping[str, str]) -> Iterator[SpecError]:
    """Yield what keeps a valid spec from being archived well, here and now: reasons to warn, not to refuse."""
    if loaded.spec.docs and not loaded.spec.contact:
        yield SpecError(
            "no contact is given, so that no site's owner can reach you",
            place=loaded.place("contact"),
            hint="add a line with contact: and a URL or mail address; it becomes part of the User-Agent",
        )
    yield from _open_secrets(loaded)
    yield from _unguarded(loaded)
    yield from _never_newest(loaded)
    yield from _without_effect(loaded)
    yield from hook_problems(loaded, environment)
    try:
        check_environment(loaded, environment)
    except SpecError as error:
        yield error
        yield from (problem for problem in error.more if isinstance(problem, SpecError))


def _open_secrets(loaded: LoadedSpec) -> Iterator[SpecError]:
    """Yield the seeds that a site's credentials would be sent to without encryption, over a network."""
    for index, site in enumerate(loaded.spec.docs):
        secret = site.auth or site.cookies or any(map(variables, site.headers.values()))
        for number, seed in enumerate(site.seeds):
            origin = Origin.of(seed)
            if secret and origin.scheme == "http" and not origin.is_loopback:
                yield SpecError(
                    f"the credentials for {origin} go over the network for everybody to read",
                    place=loaded.place("docs", index, "seeds", number),
                    hint="write the seed with https:// if the site answers there",
                )

    for name, settings in loaded.spec.registries.items():
        if settings.auth and settings.plain_http and not Origin.of(f"http://{name}").is_loopback:
            yield SpecError(
                f"the credentials for {name} go over the network for everybody to read",
                place=loaded.place("registries", name, "plain_http"),
                hint="leave plain_http out if the registry speaks https; tls: names a CA of your own",
            )


def _unguarded(loaded: LoadedSpec) -> Iterator[SpecError]:
    """Yield what may be changed on the way without anybody noticing."""
    for name, settings in loaded.spec.registries.items():
        if settings.tls is not None and not settings.tls.verify:
            yield SpecError(
                f"nobody checks who answers as {name}, and so what its tags mean",
                place=loaded.place("registries", name, "tls", "verify"),
                hint="name the authority that signed its certificate with ca: in place of verify: false",
            )
    for index, file in enumerate(loaded.spec.files):
        if isinstance(file, FileIndex) or file.sha256 or file.checksums:
            continue
        origin = Origin.of(file.url)
        if origin.scheme == "http" and not origin.is_loopback:
            yield SpecError(
                f"{file.url} may be changed on its way, and nothing tells",
                place=loaded.place("files", index, "url"),
                hint="write https:// if its server answers there, or add sha256:",
            )


def _never_newest(loaded: LoadedSpec) -> Iterator[SpecError]:
    """Yield the tags that are named beside ``latest`` and have no version by which they could be among the newest."""
    for index, entry in enumerate(loaded.spec.images.repositories if loaded.spec.images else ()):
        for number, rule in enumerate(entry.tags if entry.latest is not None else ()):
            if isinstance(parse_rule(rule), ExactRule) and tag_version(rule) is None:
                yield SpecError(
                    f"{rule!r:.200} names no version, so it is never among the newest {entry.latest}",
                    place=loaded.place("images", "repositories", index, "tags", number),
                    hint="give it an entry of its own, without latest:",
                )


def _without_effect(loaded: LoadedSpec) -> Iterator[SpecError]:
    """Yield what is said twice, and what is said of registries that nothing comes from: often it is misspelt."""
    images = loaded.spec.images
    if images:
        yield from _repeated(loaded, "refs", [str(Reference.parse(text)) for text in images.refs])
        yield from _repeated(loaded, "sections", images.sections)
    if images and any(map(is_url, images.lists)):
        return  # only they know which registries they name
    used = _sources(loaded)
    for name in loaded.spec.registries:
        if not any(f"{source}/".startswith(f"{name}/") for source in used):
            yield SpecError(
                f"nothing that the spec asks for comes from {name}",
                place=loaded.place("registries", name),
                hint="check how it is written, or drop it",
            )


def _repeated(loaded: LoadedSpec, key: str, values: Sequence[str]) -> Iterator[SpecError]:
    for number, value in enumerate(values):
        if value in values[:number]:
            place = loaded.place("images", key, number)
            yield SpecError(f"{value!r:.200} is here twice", place=place, hint="drop one of the two")


def _sources(loaded: LoadedSpec) -> set[str]:
    """Return the repositories that the images come from, and the registries that stand in for theirs."""
    images = loaded.spec.asked_images
    if images is None:
        return set()
    named = [Reference.parse(text) for text in images.refs]
    named += [Reference.parse(entry.repository) for entry in images.repositories]
    for path in images.lists:
        wanted = local_list(loaded.folder / path).only(images.sections)
        named += [entry.reference for entry in wanted.entries]
    stand_ins = {
        place
        for settings in loaded.spec.registries.values()
        for place in (*settings.mirrors, *settings.fallbacks)
    }
    return stand_ins | {f"{reference.registry}/{reference.repository}" for reference in named}


def _registry_problems(
    host: str, settings: RegistrySettings, folder: Path, environment: Mapping[str, str]
) -> Iterator[tuple[tuple[str, ...], SpecError]]:
    """Yield what keeps a registry from being spoken to, with the keys that lead to it in its entry."""
    if settings.auth:
        yield from auth_problems(settings.auth, environment)
    if settings.tls is None:
        return
    unreadable = False
    for key, name in (("ca", settings.tls.ca), ("cert", settings.tls.cert), ("key", settings.tls.key)):
        path = folder / (name or "")
        try:
            if name:
                path.read_bytes()
        except OSError as error:
            unreadable = True
            yield (
                ("tls", key),
                SpecError(f"{path}: {error.strerror}", hint="paths are relative to the spec"),
            )
    if not unreadable:
        from archiver.collect.tls import TlsPolicy  # noqa: PLC0415 - takes long to import, and few specs need it

        try:
            TlsPolicy.of(host, settings.tls, folder)
        except SpecError as error:
            hint = error.hint or "certificates and keys are in PEM form, the key without a passphrase"
            yield ("tls",), SpecError(str(error), hint=hint)


def _site_problems(loaded: LoadedSpec) -> Iterator[SpecError]:
    for index, site in enumerate(loaded.spec.docs):
        for number, seed in enumerate(site.seeds):
            if not _means_page(seed, seed):
                place = loaded.place("docs", index, "seeds", number)
                yield SpecError(
                    f"{seed!r:.200} is not a URL that can be fetched", place=place, hint=_URL_HINT
                )
        for key, rules in (("include", site.scope.include), ("exclude", site.scope.exclude)):
            for number, rule in enumerate(rules):
                bases = (seed for seed in site.seeds if _means_page(seed, seed))
                if not all(is_rule(seed, rule) for seed in bases):
                    place = loaded.place("docs", index, "scope", key, number)
                    yield SpecError(f"{rule!r:.200} matches no web URL", place=place, hint=_URL_HINT)


def _means_page(base: str, text: str) -> bool:
    url = resolve(base, text)
    return url is not None and is_web(url)


def _file_problems(loaded: LoadedSpec) -> Iterator[SpecError]:
    first_line: dict[str, str] = {}
    for index, file in enumerate(loaded.spec.files):
        if isinstance(file, FileIndex):
            continue  # several may read one page, each for other links
        place = loaded.place("files", index, "url")
        if file.url in first_line:
            yield SpecError(
                f"this file is asked for already, in {first_line[file.url]}",
                place=place,
                hint="drop one of the two",
            )
        first_line.setdefault(file.url, place)
        try:
            path_of(file.url)
        except InvalidURL as error:
            hint = error.hint or "name one file: a URL whose last part is the file's name"
            yield SpecError(error.message, place=place, hint=hint)


def _tag_problems(loaded: LoadedSpec) -> Iterator[SpecError]:
    for index, entry in enumerate(loaded.spec.images.repositories if loaded.spec.images else ()):
        for key, rules in (("tags", entry.tags), ("exclude", entry.exclude)):
            for number, rule in enumerate(rules):
                try:
                    parse_rule(rule)
                except SpecError as error:
                    place = loaded.place("images", "repositories", index, key, number)
                    yield SpecError(error.message, place=place, hint=error.hint)


def _list_problems(loaded: LoadedSpec) -> Iterator[SpecError]:
    if loaded.spec.images:
        try:
            check_lists(loaded.spec.images, loaded.folder)
        except SpecError as error:
            for problem in (error, *error.more):
                yield _placed(loaded, problem)


def _placed(loaded: LoadedSpec, problem: ArchiverError) -> SpecError:
    """Give a problem that no line of a list has the line of the spec that speaks of it."""
    message, place = problem.message, problem.place
    lists = loaded.spec.images.lists if loaded.spec.images else ()
    if place is None:
        place = loaded.place("images", "sections")
    for index, name in enumerate(lists):
        if place == str(loaded.folder / name):
            message, place = f"{place}: {message}", loaded.place("images", "lists", index)
    return SpecError(message, place=place, hint=problem.hint or "paths are relative to the spec")
