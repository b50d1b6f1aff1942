"""Whether an answer of 200 is what it is taken for: soft 404s, logins, parked domains, shells, pages in place of files.

Pure. A page is only refused where several things say the same, the strongest being that it is like what the
site sends for a URL that cannot exist (``probe``): a page *about* error 404, or a short stub, is a page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable
from urllib.parse import unquote, urlsplit

from archiver.collect.filekinds import promises_asset, promises_file, shows_file
from archiver.collect.web.documents.facts import (
    ASKS_FOR_SCRIPT,
    BARE,
    EMPTY_ROOT,
    ERROR_HEADING,
    ERROR_TITLE,
    FOR_SALE,
    LOGIN_FORM,
    LOGIN_TITLE,
    MOST_TEXT,
    NOINDEX,
    NOTICE,
    OFFER,
    PARKING_HOST,
    PLACEHOLDER,
    REDIRECTS,
    SCRIPTS,
    likeness,
    without_url,
)
from archiver.core.capture import PAGE
from archiver.core.printable import printable
from archiver.core.reasons import LOGIN, NOT_THE_FILE, PARKED, SCRIPT_ONLY, SOFT_404, TAKEN_DOWN
from archiver.core.urlidentity import twins_key

if TYPE_CHECKING:
    from archiver.collect.web.documents.document import Facts
    from archiver.collect.web.probe import ProbeAnswer

_ERRORS = frozenset({ERROR_TITLE, ERROR_HEADING})
_QUOTED = 200  # characters of a title or URL in a reason
_FEW = 300  # characters of an error page that has nothing else to say
HARDLY_ANY = 200
"""A page of fewer characters may be one that is filled by script."""
_ALIKE = 0.5  # of the words of error pages, which may have some that vary
_THE_SAME = 0.9  # of the words of pages that do not say that they are error pages
_DIGITS = re.compile(r"\d+")
_WORDS = re.compile(r"[^\W_]+")
_ABOUT = re.compile(r"404|not-?found|no-?encontrad|error", re.IGNORECASE)
_LOGIN_NAMES = re.compile(r"(?:log|sign)[-_]?(?:in|on)(?:\.\w{1,5})?|sso|oauth2?|authorize|authenticate|auth")


@dataclass(frozen=True)
class Verdict:
    """What an answer is, and why: one sentence.

    ``refuses`` says that it is not what was asked for, so that it must not be taken for it.
    """

    mark: str
    reason: str
    refuses: bool = True


@dataclass(frozen=True)
class Answer:
    """What came for a URL with a status of 2xx.

    Attributes:
        url: what was asked for, in canonical spelling.
        kind: ``page`` or ``requisite``.
        seed: whether it is one, or another spelling of one, or a seed redirected here.
        html: whether it is HTML.
        digest, size: of the payload.
        facts: what it says of itself, where it is HTML.
        replaces: whether an earlier snapshot has other content at the URL.
        estranged: whether that snapshot has further pages as well, to none of which this leads.
        had: how many characters of main text that snapshot has at the URL; 0 where it is not known.
    """

    url: str
    kind: str
    seed: bool
    html: bool
    digest: str
    size: int
    facts: Facts
    replaces: bool = False
    estranged: bool = False
    had: int = 0


def judge(answer: Answer, probes: Iterable[ProbeAnswer]) -> Verdict | None:
    """Return what is to be said of an answer; None where it is what it seems.

    Args:
        answer: what came.
        probes: what its origin sends for URLs that cannot exist, as far as it was asked.
    """
    known = tuple(probes)
    if answer.html and _promised_otherwise(answer):
        return Verdict(NOT_THE_FILE, "the server sends a web page in place of the file")
    if answer.kind == PAGE and answer.html and answer.replaces and not answer.size:
        return Verdict(SOFT_404, "the server sends an empty page")
    alike = _alike(answer, known)
    if answer.kind == PAGE and answer.html:
        verdict = _by_itself(answer, alike, known)
        if verdict is not None:
            return verdict
    if alike is not None and (answer.estranged or not answer.seed):
        return _one_for_all(answer, alike)
    return _taken_down(answer) or _shell(answer) if answer.kind == PAGE and answer.html else None


def judge_redirect(url: str, target: str, probes: Iterable[ProbeAnswer]) -> Verdict | None:
    """Return what is to be said of a redirect that no seed led to; None where it is what it seems.

    Args:
        url: what was asked for, in canonical spelling.
        target: where it leads, likewise.
        probes: as for ``judge``.
    """
    if asks_to_log_in(url, target):
        return Verdict(LOGIN, f"redirects to {printable(target, _QUOTED)}, to log in")
    if _is_folder_of(url, target) or twins_key(url) == twins_key(target):
        return None
    for each in probes:
        if each.target and twins_key(target.partition("?")[0]) == twins_key(each.target):
            mark = LOGIN if _is_login(each.facts) else PARKED if _is_parked(each.facts) else SOFT_404
            return Verdict(mark, f"redirects to {printable(target, _QUOTED)}, as do URLs that cannot exist")
    return None


def asks_to_log_in(url: str, target: str) -> bool:
    """Say whether a redirect leads to a login that is to lead back to the URL."""
    place = urlsplit(target)
    names = unquote(place.path).lower().strip("/").split("/")
    asked = urlsplit(url).path
    return (
        len(asked) > 1
        and any(map(_LOGIN_NAMES.fullmatch, names))
        and asked.rstrip("/") in unquote(unquote(place.query))
    )


def is_catch_all(seed: Answer, probes: Iterable[ProbeAnswer]) -> bool:
    """Say whether a seed is what its origin sends for URLs that cannot exist as well."""
    return any(each.pretended for each in probes) and _alike(seed, probes) is not None


def _promised_otherwise(answer: Answer) -> bool:
    if answer.kind == PAGE:
        return promises_file(answer.url) and not shows_file(answer.url)
    return promises_asset(answer.url)


def _alike(answer: Answer, probes: Iterable[ProbeAnswer]) -> ProbeAnswer | None:
    """Return the answer to an impossible URL that this one is like."""
    return next((each for each in probes if _is_like(answer, each)), None)


def _is_like(answer: Answer, probe: ProbeAnswer) -> bool:
    if not (probe.pretended or probe.honest) or not probe.size:
        return False
    if answer.digest == probe.digest:
        return True
    facts, other = answer.facts, probe.facts
    longer = max(facts.text, other.text) >= MOST_TEXT  # there is more to it than was looked at
    if longer and (not other.heading or abs(answer.size - probe.size) * 100 > probe.size):
        return False
    if not answer.html or not other.fingerprint or _names(facts, answer.url) != _names(other, probe.url):
        return False
    words = likeness(facts.fingerprint, other.fingerprint)
    if longer:
        return words >= _THE_SAME
    return words >= (_ALIKE if _ERRORS & {*facts.signs} & {*other.signs} else _THE_SAME)


def _names(facts: Facts, url: str) -> tuple[list[str], list[str]]:
    """Return the words of a page's title and heading, without what varies with the URL."""
    title, heading = (
        _WORDS.findall(_DIGITS.sub(" ", without_url(text.lower(), url)))
        for text in (facts.title, facts.heading)
    )
    return title, heading


def _by_itself(answer: Answer, alike: ProbeAnswer | None, probes: tuple[ProbeAnswer, ...]) -> Verdict | None:
    """Return what a page itself says that it is, where that is nothing to keep."""
    facts = answer.facts
    parked = _parked(answer, alike)
    if parked:
        return Verdict(PARKED, parked)
    if _is_login(facts):
        return Verdict(LOGIN, f"the page is a login: {printable(facts.title or facts.heading, _QUOTED)}")
    if _says_error(answer, probes):
        called = facts.title if ERROR_TITLE in facts.signs else facts.heading
        return Verdict(SOFT_404, f"the page says that it is an error page: {printable(called, _QUOTED)}")
    return None


def _says_error(answer: Answer, probes: tuple[ProbeAnswer, ...]) -> bool:
    """Weigh what a page says: the more the less a site is known to pretend."""
    signs = frozenset(answer.facts.signs)
    if not _ERRORS & signs or _ABOUT.search(urlsplit(answer.url).path):
        return False
    points = 2 * len(_ERRORS & signs) + (NOINDEX in signs) + (answer.facts.text < _FEW)
    if any(each.honest for each in probes):
        return points >= 6
    return points >= (4 if any(each.pretended or each.target for each in probes) else 5)


def _parked(answer: Answer, alike: ProbeAnswer | None) -> str:
    signs = frozenset(answer.facts.signs)
    if PARKING_HOST in signs:
        return "the page is of those who serve parked domains"
    if FOR_SALE in signs:
        return "the page says that its own domain is for sale, parked or expired"
    if PLACEHOLDER in signs and (answer.seed or alike is not None):
        return f"there is no site, but: {printable(answer.facts.title or answer.facts.heading, _QUOTED)}"
    return ""


def _is_login(facts: Facts) -> bool:
    return {LOGIN_FORM, LOGIN_TITLE} <= {*facts.signs}


def _is_parked(facts: Facts) -> bool:
    return not {PARKING_HOST, FOR_SALE, OFFER, PLACEHOLDER}.isdisjoint(facts.signs)


def _one_for_all(answer: Answer, alike: ProbeAnswer) -> Verdict:
    """Return what a page is that a site sends for URLs that cannot exist as well: what it says of itself tells more."""
    signs = frozenset(answer.facts.signs) if answer.kind == PAGE and alike.pretended else frozenset()
    called = printable(answer.facts.title or answer.facts.heading, _QUOTED)
    if NOTICE in signs and answer.replaces:
        return Verdict(TAKEN_DOWN, f"the server sends a notice for every URL: {called}")
    if OFFER in signs:
        return Verdict(PARKED, "the server says for every URL that a domain is for sale, parked or expired")
    return Verdict(SOFT_404, "the server sends the same for URLs that cannot exist")


def _is_folder_of(url: str, target: str) -> bool:
    """Say whether a redirect leads into the URL itself, such as to a folder's newest version."""
    return target.startswith(url if url.endswith("/") else f"{url}/")


def _taken_down(answer: Answer) -> Verdict | None:
    """Weigh a notice: it is one of this page only where less than half of what was there is left, or leads nowhere any more."""
    facts = answer.facts
    if (
        NOTICE not in facts.signs
        or not answer.replaces
        or not (answer.estranged or facts.text * 2 < answer.had)
    ):
        return None
    called = printable(facts.title or facts.heading, _QUOTED)
    return Verdict(TAKEN_DOWN, f"a notice stands in place of what was there: {called}", refuses=False)


def _shell(answer: Answer) -> Verdict | None:
    signs = frozenset(answer.facts.signs)
    if REDIRECTS in signs or SCRIPTS not in signs or answer.facts.text >= HARDLY_ANY:
        return None
    if EMPTY_ROOT in signs or ({ASKS_FOR_SCRIPT, BARE} <= signs and not answer.facts.heading):
        return Verdict(SCRIPT_ONLY, "the page has its text only after its scripts ran", refuses=False)
    return None
