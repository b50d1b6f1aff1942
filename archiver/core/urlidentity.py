"""Which URLs mean the same page: noise that makes no other page, and twins that usually are one.

The crawler asks for a link without its noise, and asks for every twin; the reader's side looks up what
a page links to, noise and all. Both must agree, so the rules are here. Pure functions.
"""

from __future__ import annotations

import re

_INDEX = "index.html"
# What a click came from, named by those who set it: Google (utm_*, gclid, dclid, gbraid, wbraid, srsltid, _ga, _gl),
# Meta (fbclid, igshid), Microsoft (msclkid, WT.mc_id), Yandex (yclid, _openstat), X, TikTok and LinkedIn (twclid,
# ttclid, li_fat_id), Mailchimp (mc_cid, mc_eid), HubSpot (_hs*, __hs*, hsCtaTracking), Marketo (mkt_tok),
# Matomo (mtm_*, pk_*). Names that some site might mean something by, such as `ref` and `source`, are not here.
_TRACKING = (
    r"utm_[a-z_]+|gclid|gclsrc|dclid|gbraid|wbraid|srsltid|_ga|_gl|fbclid|igshid|msclkid|wt\.mc_id|yclid|_openstat"
    r"|twclid|ttclid|li_fat_id|mc_cid|mc_eid|_hsenc|_hsmi|__hstc|__hssc|__hsfp|hsctatracking|mkt_tok"
    r"|mtm_[a-z]+|pk_(?:campaign|kwd|keyword|source|medium|content|cid)"
)
# Who is asking, as servers without cookies put it into URLs; only with a value that can be nothing else.
_SESSION = (
    r"(?:jsessionid|phpsessid|aspsessionid[a-z]{8}|oscsid|zenid|session_?id)=[0-9a-z,\-]{16,}(?:[.!][0-9a-z.!\-]*)?"
    r"|cfid=[0-9]{1,12}|cftoken=[0-9a-f\-]{8,}|sid=[0-9a-f]{32}"
)
_NOISE = re.compile(rf"(?:(?:{_TRACKING})(?:=.*)?|{_SESSION})\Z", re.IGNORECASE)
# The second is ASP.NET's "cookieless" session.
_PATH_SESSION = re.compile(r";jsessionid=[^/?;]*|/\((?:[a-z]\([0-9a-z]{24}\))+\)(?=/)", re.IGNORECASE)
# What makes browsers fetch again: a moment or a number with a name that means nothing, or without one.
_BUSTER = re.compile(
    r"(?:(?:_|t|ts|cb|time(?:stamp)?|cache_?bust(?:er)?|no_?cache|rnd|rand(?:om)?)=[0-9a-f.\-]{4,}|[0-9a-f]{6,})\Z",
    re.IGNORECASE,
)
# Of a page these may select a version of what it documents; of an asset they say which build it is.
_ASSET_BUSTER = re.compile(r"(?:v|ver|version|rev|build|hash|h|d)=[^=]*\Z", re.IGNORECASE)
_ASSET = re.compile(
    r"\.(?:m?js|css|map|wasm|json|xml|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|otf|eot|mp[34]|webm)\Z",
    re.IGNORECASE,
)
_FILE = re.compile(
    r"\.(?:x?html?|php|aspx?|jsp|pdf|txt|md|xml|json|js|css|png|jpe?g|gif|svg|zip|t?gz)\Z", re.IGNORECASE
)


def without_noise(url: str) -> str:
    """Return a URL without tracking parameters and session ids; the rest stays as it is, byte for byte.

    Not for the target of a redirect: a server that redirects to the URL with a session id would
    redirect for ever (Heritrix leaves those alone for the same reason).

    Args:
        url: an absolute http(s) URL without a fragment.
    """
    if "?" not in url and ";" not in url and "/(" not in url:
        return url
    path, mark, query = url.partition("?")
    if ";" in path or "/(" in path:
        path = _PATH_SESSION.sub("", path)
    if not query:
        return path + mark
    kept = "&".join(part for part in query.split("&") if not _NOISE.match(part))
    return f"{path}?{kept}" if kept else path


def without_cache_busting(url: str) -> str:
    """Return a URL without the parameters that only keep caches from answering; the rest stays as it is.

    The crawler asks with them, since a server may mean something by them; a page's script makes new ones at every visit.

    Args:
        url: an absolute http(s) URL without a fragment.
    """
    path, mark, query = url.partition("?")
    if not mark:
        return url
    asset = _ASSET.search(path) is not None
    kept = [
        part
        for part in query.split("&")
        if part and not _BUSTER.match(part) and not (asset and _ASSET_BUSTER.match(part))
    ]
    return f"{path}?{'&'.join(kept)}" if kept else path


def twins(url: str) -> tuple[str, ...]:
    """Return the other spellings that web servers usually give the same page: with and without the slash, ``index.html``.

    They may also be different pages, and relative links in them mean different things: only equal bytes
    tell that two twins are one page.

    Args:
        url: an absolute http(s) URL without a fragment; a query is kept in each twin.
    """
    path, mark, query = url.partition("?")
    folder = _folder(path)
    if not folder.endswith("/"):
        return ()
    spellings = [folder, f"{folder}{_INDEX}"]
    bare = folder[:-1]
    if "/" in bare.partition("://")[2] and not bare.endswith("/") and not _FILE.search(bare):
        spellings.append(bare)
    return tuple(spelling + mark + query for spelling in spellings if spelling != path)


def twins_key(url: str) -> str:
    """Return what a URL and its twins have in common, and no other URL has."""
    path, mark, query = url.partition("?")
    return _folder(path) + mark + query


def _folder(path: str) -> str:
    """Return a page's spelling with a slash at the end; a file's path as it is."""
    if path.endswith(f"/{_INDEX}"):
        return path[: -len(_INDEX)]
    return path if path.endswith("/") or _FILE.search(path) else f"{path}/"
