"""The part of a spec that says which files to download: one by its URL, or several by an index that links to them."""

from __future__ import annotations

from typing import Annotated, Union
from urllib.parse import urljoin, urlsplit

from pydantic import Discriminator, Field, Tag, model_validator

from archiver.core.errors import InvalidURL
from archiver.core.urlkey import Origin
from archiver.spec.values import Model, OneOrMore, Sha256, Texts, WebURL, wrong


class FileSource(Model):
    """A file to download."""

    url: WebURL = Field(description="what to download")
    sha256: Sha256 | None = Field(None, description="64 hex digits; the download must have this digest")
    checksums: str | None = Field(
        None, description="URL, or relative to the file's, of a list as sha256sum prints it"
    )

    @model_validator(mode="after")
    def _digest_from_one_place(self) -> FileSource:
        if self.sha256 is not None and self.checksums is not None:
            raise wrong(
                "both 'sha256' and 'checksums' say what the file must hash to",
                "drop 'checksums': a digest in the spec is what you decided, whatever the site says",
                at="checksums",
            )
        _check_joined(self.url, self.checksums)
        return self


class FileIndex(Model):
    """Files to download that a page or a JSON document links to."""

    index: WebURL = Field(description="a page or JSON document; its links are the candidates")
    include: OneOrMore = Field(
        description="globs of links to take: of the name, or of the whole URL if with a '/'"
    )
    exclude: Texts = Field((), description="the same of links that are not taken, whatever include says")
    checksums: str | None = Field(
        None, description="URL, or relative to the index, of a list as sha256sum prints it"
    )

    @model_validator(mode="after")
    def _checksums_can_be_found(self) -> FileIndex:
        _check_joined(self.index, self.checksums)
        return self


def _check_joined(base: str, checksums: str | None) -> None:
    if checksums is None:
        return
    hint = "write a URL, or one that is relative to the file's, such as SHA256SUMS"
    try:
        joined = urljoin(base, checksums)
    except ValueError as error:
        raise wrong(f"{checksums!r:.200} is not a URL", hint, at="checksums") from error
    if not checksums.strip() or joined == base:
        raise wrong("'checksums' names no other file", hint, at="checksums")
    if "@" in urlsplit(joined).netloc:
        raise wrong("a URL here must not have a user name or password in it", hint, at="checksums")
    try:
        Origin.of(joined)
    except InvalidURL as error:
        raise wrong(f"{checksums!r:.200} is not a URL that can be fetched", hint, at="checksums") from error


def _model_of(value: object) -> str | None:
    """Tell by its keys, or by its type, which model an entry is for; None where it is for neither."""
    if isinstance(value, dict):
        meant = {"url": FileSource.__name__, "index": FileIndex.__name__}
        found = [name for key, name in meant.items() if key in value]
        return found[0] if len(found) == 1 else None
    return type(value).__name__


FileEntry = Annotated[
    Union[Annotated[FileSource, Tag(FileSource.__name__)], Annotated[FileIndex, Tag(FileIndex.__name__)]],
    Discriminator(
        _model_of,
        custom_error_type="spec_value",
        custom_error_message="an entry has either 'url' or 'index'",
        custom_error_context={
            "hint": "url: is the URL of one file; index: that of a page that links to several, with include:"
        },
    ),
]
