"""What a URL's name promises: a file, which a web page cannot be. Servers that lost a file often answer 200 and a page."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

_FILES = (
    *(".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".7z", ".rar"),
    *(".deb", ".rpm", ".apk", ".pkg", ".snap", ".jar", ".war", ".whl", ".crate", ".gem", ".nupkg"),
    *(".exe", ".msi", ".dmg", ".appimage", ".bin", ".run", ".so", ".dll"),
    *(".iso", ".img", ".qcow2", ".ova", ".sig", ".asc", ".sha256"),
    *(".pdf", ".epub", ".mobi", ".docx", ".xlsx", ".pptx"),
    *(".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".bmp", ".ico"),
    *(".mp3", ".ogg", ".wav", ".mp4", ".webm", ".mov", ".mkv"),
)
_ASSETS = (*_FILES, ".css", ".js", ".mjs", ".map", ".wasm", ".woff", ".woff2", ".ttf", ".otf", ".eot")
_SHOWING = frozenset({"blob", "blame", "src", "tree", "browse", "-"})  # of forges: a page that shows a file
_BEGINNINGS = (b"<!doctype html", b"<html", b"<head", b"<body")


def promises_file(url: str) -> bool:
    """Say whether a URL's name is that of an archive, program, image or the like."""
    return unquote(urlsplit(url).path).lower().endswith(_FILES)


def shows_file(url: str) -> bool:
    """Say whether a URL may be that of a page about the file that it is named after, as forges and wikis have them."""
    folders, _, name = unquote(urlsplit(url).path).rpartition("/")
    return ":" in name or not _SHOWING.isdisjoint(folders.split("/"))


def promises_asset(url: str) -> bool:
    """Say whether a URL's name is that of such a file, or of a style sheet, script or font."""
    return unquote(urlsplit(url).path).lower().endswith(_ASSETS)


def begins_like_page(content: bytes) -> bool:
    """Say whether bytes that are called something else begin as web pages do."""
    return content[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_BEGINNINGS)
