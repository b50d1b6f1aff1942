"""What can be known to be wrong with a spec before any network is used.

The model (``archiver.spec``) knows what values look like; this module asks the collectors themselves, so
that a spec that passes here does not fail later for a reason that was in the spec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator, Mapping

from archiver.collect.files.naming import path_of
from archiver.collect.images.lists import check_lists
from archiver.collect.web.credentials import problems as credential_problems
from archiver.collect.web.patterns import is_rule
from archiver.collect.web.urls import is_web, resolve
from archiver.core.errors import InvalidURL, SpecError
from archiver.core.urlkey import Origin
from archiver.spec.environment import variables
from archiver.spec.files import FileIndex
from archiver.spec.load import load_spec

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.errors import ArchiverError
    from archiver.spec.load import LoadedSpec

_URL_HINT = "write it in full, such as https://docs.example.org/v2/"


def checked_spec(path: Path) -> LoadedSpec:
    """Load a spec and check everything in it, and the image lists beside it.

    Raises:
        SpecError: anything is wrong; ``place`` is ``file:line``, ``more`` has the further problems.
    """
    loaded = load_spec(path)
    problems = [*_site_problems(loaded), *_file_problems(loaded), *_list_problems(loaded)]
    if problems:
        raise SpecError.joined(problems)
    return loaded


def check_environment(loaded: LoadedSpec, environment: Mapping[str, str]) -> None:
    """Check what a spec expects of the environment: variables with values that can be sent.

    Raises:
        SpecError: something is missing or unusable, with the line of the spec that asks for it and never with a value.
    """
    problems = [
        SpecError(error.message, place=loaded.place("docs", index, *at), hint=error.hint)
        for index, site in enumerate(loaded.spec.docs)
        for at, error in credential_problems(site, environment)
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
