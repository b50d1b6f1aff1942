"""What the pages of known documentation generators load when they run, where no string of a script has it whole.

Each function takes what a page (or a file that it loads) says of itself, and yields references relative to it.
They are guesses: which of the files there are depends on the generator's version and options.

Sources: rustdoc, ``html/static/js/{main,storage}.js``; MkDocs Material, ``src/templates/assets/javascripts``
(``bundle.ts``, ``integrations/search/worker``, ``integrations/version``); mdBook, ``front-end/searcher/searcher.js``;
docusaurus-search-local, ``client/utils/proxiedGenerated.ts``.
"""

from __future__ import annotations

import json
import re
from typing import Any, Iterator, Mapping

_MOST_CONFIG = 1 << 20
_MOST_LANGUAGES = 50
_LANGUAGES = re.compile(r'"lang"\s*:\s*\[([^\[\]]{0,1000})\]')
_LANGUAGE = re.compile(r'"([A-Za-z-]{1,20})"')
_MATERIAL_INDEX = re.compile(r".*/search/search_index\.json")
_SEGMENTERS = {"ja": "tinyseg.js", "hi": "wordcut.js", "th": "wordcut.js"}
_PATH_TO_ROOT = re.compile(r"\bpath_to_root\s*=\s*[\"']((?:\.\.?/)*+)[\"']")
_DOCUSAURUS_VERSION = re.compile(
    r"<meta[^<>]{0,100}\sname=\"?docusaurus_version\"? content=\"?([\w.-]{1,50})"
)
_STRINGDEX = re.compile(r"(.*/search\.index/)(?:root|[0-9a-f]{12})[^/]*\.js")


def rustdoc_files(variables: Mapping[str, str | None]) -> Iterator[str]:
    """Yield what a rustdoc page loads, by the attributes of its ``rustdoc-vars`` element."""
    root, static = variables.get("data-root-path") or "./", variables.get("data-static-root-path") or ""
    suffix = variables.get("data-resource-suffix") or ""
    for name in ("data-search-js", "data-stringdex-js", "data-settings-js", "data-search-index-js"):
        if value := variables.get(name):
            yield static + value
    names = ["search.index/root"] if variables.get("data-stringdex-js") else ["search-index", "crates"]
    if not variables.get("data-search-js"):  # some of 2022
        names += ["search", "settings"]
        yield f"{root}settings{suffix}.css"
    for name in names:
        yield f"{root}{name}{suffix}.js"
    for theme in (variables.get("data-themes") or "").split(","):
        if theme:
            yield f"{root}{theme}{suffix}.css"


def rustdoc_pages(variables: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the pages that every rustdoc page leads to by its buttons."""
    root = variables.get("data-root-path") or "./"
    yield from (f"{root}settings.html", f"{root}help.html")


def material_files(config: str) -> Iterator[str]:
    """Yield what a page of MkDocs Material loads, by its ``<script id="__config">``."""
    try:
        members: Any = json.loads(config[:_MOST_CONFIG])
        base, features, version = members["base"].rstrip("/"), members.get("features"), members.get("version")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return
    yield f"{base}/search/search_index.json"
    if isinstance(features, list) and "navigation.instant" in features:
        yield f"{base}/sitemap.xml"
    if version:
        yield f"{base}/../versions.json"


def material_languages(index: str, path: str) -> Iterator[str]:
    """Yield what MkDocs Material's search worker loads for the languages of its index.

    Args:
        index: the text of ``search/search_index.json``.
        path: of its URL.
    """
    listed = _LANGUAGES.search(index, 0, _MOST_CONFIG) if _MATERIAL_INDEX.fullmatch(path) else None
    if listed is None:
        return
    languages = _LANGUAGE.findall(listed[1])[:_MOST_LANGUAGES]
    folder = "../assets/javascripts/lunr/"
    foreign = [language for language in languages if language != "en"]
    if foreign:
        yield f"{folder}min/lunr.stemmer.support.min.js"
    if len(languages) > 1:
        yield f"{folder}min/lunr.multi.min.js"
    for language in foreign:
        yield f"{folder}min/lunr.{language}.min.js"
        if segmenter := _SEGMENTERS.get(language):
            yield folder + segmenter


def mdbook_files(script: str) -> Iterator[str]:
    """Yield the search index of an mdBook, by the inline script that says where the book's root is."""
    root = _PATH_TO_ROOT.search(script)
    if root is not None and "path_to_searchindex_js" not in script:
        yield from (f"{root[1]}searchindex.js", f"{root[1]}searchindex.json")


def docusaurus_files(html: str, path: str) -> Iterator[str]:
    """Yield the search index of an older version of a Docusaurus site, which no script has the place of.

    Args:
        html: of a page; it names the version.
        path: of the page's URL, in which the version is a folder.
    """
    version = _DOCUSAURUS_VERSION.search(html)
    before, folder, _ = path.partition(f"/{version[1]}/") if version is not None else (path, "", "")
    if folder:
        yield f"{before}{folder}search-index.json"


def is_rustdoc_index(path: str) -> bool:
    """Say whether the path of a script is that of a node of rustdoc's search index."""
    return _STRINGDEX.fullmatch(path) is not None
