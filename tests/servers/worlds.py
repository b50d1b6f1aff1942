"""Doc sites as the guard sees them, made up page by page: what there was, and what came of each page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Callable

from archiver.collect.guard.evidence import Answer
from archiver.collect.guard.judging import judge_site
from archiver.collect.guard.sight import site_evidence
from archiver.collect.guard.thresholds import Thresholds
from archiver.core.capture import PAGE, Capture
from archiver.core.reasons import TAKEN_DOWN

if TYPE_CHECKING:
    from archiver.collect.guard.evidence import SiteEvidence
    from archiver.core.judgement import Judgement

SITE = "https://docs.example.org/docs/"
RUN = "20260105T030000Z"
LENGTH = 4000  # characters of main text

Fate = Callable[[Capture], Answer]
"""What becomes of a page."""


def had(name: str = "", **members: str) -> Capture:
    """Return the capture of a page that an earlier run got; the seed's without a name."""
    capture = Capture(
        SITE + name, "20251201000000", "text/html", "200", f"sha256:{name or 'seed'}", "docs", PAGE, "r"
    )
    return replace(capture, **{"text": str(LENGTH), **members})


def got(earlier: Capture, **members: Any) -> Answer:
    """Return the answer that a page came again, with other members if so given."""
    now = replace(earlier, timestamp="20260105030001", **members)
    return Answer(earlier.url, PAGE, earlier.url == SITE, "200", capture=now, earlier=earlier)


def failed(code: str, status: str = "", target: str = "") -> Fate:
    """Return what gives no page, but a failure."""
    return lambda page: Answer(page.url, PAGE, page.url == SITE, status, code, target=target, earlier=page)


def unchanged(page: Capture) -> Answer:
    """Come as it was."""
    return got(page)


def edited(page: Capture) -> Answer:
    """Come with other content, about as long as before."""
    return got(page, digest=f"{page.digest} edited", text=str(LENGTH + 100))


def emptied(page: Capture) -> Answer:
    """Come with hardly any text."""
    return got(page, digest=f"{page.digest} emptied", text="90")


def same(page: Capture) -> Answer:
    """Come with what all the others come with."""
    return got(page, digest="sha256:same", text="700")


def noticed(page: Capture) -> Answer:
    """Come as a notice that names the page."""
    return replace(got(page, digest=f"{page.digest} notice", text="300"), mark=TAKEN_DOWN)


def led_to(target: str) -> Fate:
    """Return what redirects to one place; to several, with ``{name}`` in it."""

    def fate(page: Capture) -> Answer:
        place = target.format(name=page.url.removeprefix(SITE))
        return Answer(page.url, PAGE, page.url == SITE, "301", "fetch.moved", target=place, earlier=page)

    return fate


def moved_within(page: Capture) -> Answer:
    """Redirect to another URL of the site, captured."""
    place = page.url.replace("/docs/", "/docs/new/")
    capture = replace(page, status="301", digest="sha256:redirect", text="")
    return Answer(page.url, PAGE, page.url == SITE, "301", target=place, capture=capture, earlier=page)


missing = failed("fetch.status", "404")
busy = failed("fetch.status", "503")
unreachable = failed("fetch.unreachable")
timed_out = failed("fetch.timeout")
soft_404 = failed("fetch.soft404", "200")
login = failed("fetch.login", "200")
parked = failed("fetch.parked", "200")
refused = failed("fetch.status", "403")
withheld = failed("fetch.status", "451")
replaced = failed("fetch.replaced", "200")


@dataclass(frozen=True)
class World:
    """A site, and a run that asked it.

    Attributes:
        pages: how many pages there were beside the seed.
        fates: what became of the first so many of them, in turn; the others came unchanged.
        seed: what became of the seed.
        new: how many pages there are that were not there before.
        unasked: how many of the last ones were not asked for.
        gone: how many pages more were known to be gone.
        earlier: what was judged before.
    """

    pages: int = 99
    fates: tuple[tuple[int, Fate], ...] = ()
    seed: Fate = unchanged
    new: int = 0
    unasked: int = 0
    gone: int = 0
    earlier: Judgement | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)

    @property
    def before(self) -> list[Capture]:
        """What the last good snapshot has."""
        vanished = [had(f"v{n}.html", gone="20251220000000") for n in range(self.gone)]
        return [had(), *(had(f"p{n:04}.html") for n in range(self.pages)), *vanished]

    @property
    def answers(self) -> list[Answer]:
        """What came of each URL."""
        seed, *pages = self.before[: 1 + self.pages]
        fates = [fate for count, fate in self.fates for _ in range(count)]
        fates += [unchanged] * (self.pages - len(fates))
        answers = [self.seed(seed), *(fate(page) for fate, page in zip(fates, pages))]
        new = [had(f"new{n}.html") for n in range(self.new)]
        answers[len(answers) - self.unasked :] = []
        return answers + [replace(got(page), earlier=None) for page in new]

    @property
    def evidence(self) -> SiteEvidence:
        """What the run saw."""
        return site_evidence(self.answers, self.before, lambda _: True)

    @property
    def judgement(self) -> Judgement:
        """What is judged of it."""
        return judge_site("docs", self.evidence, self.thresholds, self.earlier, RUN)
