"""What answers requests from one choice of snapshots: made when somebody reads it, and let go of with them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Mapping, Sequence

from archiver.core.errors import ArchiverError
from archiver.core.urlkey import Origin
from archiver.offline.downloads import Downloads
from archiver.offline.landingsite import LandingSite
from archiver.offline.lookup import Finder
from archiver.offline.misses import Misses
from archiver.offline.missing import Missing
from archiver.offline.otherdates import OtherDates
from archiver.offline.registry import Registry
from archiver.offline.replay import Replay

if TYPE_CHECKING:
    from archiver.offline.addresses import AddressBook, View
    from archiver.offline.holdings import ImageShelf, Site
    from archiver.offline.readings import Choice, Opened, Snapshots
    from archiver.offline.search.files import SearchFile

_VIEWS = 64  # readers, by their addresses, for whom widened ones are kept ready


@dataclass(frozen=True)
class Reading:
    """What answers requests from one choice of snapshots.

    ``addresses`` gives a reader's addresses as these snapshots need them: of origins that were not there when the
    server started, and have no address of their own.
    """

    addresses: Callable[[View], View]
    search: Sequence[SearchFile]
    landing: LandingSite
    registry: Registry
    downloads: Downloads
    misses: Misses
    replay: Replay
    finder: Finder


class ReadingMaker:
    """Makes what answers requests.

    Args:
        snapshots: all that there are.
        book: the addresses given out.
        verified: when every byte of what there is was checked, as an ISO time; empty where it was not.
        log: takes lines about damage.
    """

    def __init__(
        self, snapshots: Snapshots, book: AddressBook, verified: str, log: Callable[[str], None]
    ) -> None:
        self._snapshots = snapshots
        self._book = book
        self._verified = verified
        self._checked: Mapping[str, tuple[str, ...]] = snapshots.ids() if verified else {}
        self._log = log

    def make(self, opened: Sequence[Opened]) -> Reading:
        """Make what answers from open snapshots."""
        holdings = [each.holding for each in opened]
        search = [each.search for each in opened if each.search.present]
        finder = Finder([site for holding in holdings for site in holding.sites])
        choice = tuple(holding.snapshot for holding in holdings)
        choices = partial(self._snapshots.choices, choice)
        other_dates = OtherDates(self._snapshots.projects, choices)
        misses = Misses(finder, Missing(holdings, self._log), search, other_dates, self._log)
        verified = {
            holding.project: self._verified
            for holding in holdings
            if holding.snapshot in self._checked.get(holding.project, ())
        }
        return Reading(
            self._widening(site for holding in holdings for site in holding.sites),
            search,
            LandingSite(holdings, search, choices, verified),
            Registry(
                [holding.images for holding in holdings], self._log, partial(self._earlier_images, choice)
            ),
            Downloads([holding.files for holding in holdings], self._log),
            misses,
            Replay(finder, misses, self._log),
            finder,
        )

    def _widening(self, sites: Iterable[Site]) -> Callable[[View], View]:
        texts = (text for site in sites for text in (*site.origins, *site.requisite_origins))
        strange = set(map(Origin.of, texts)) - self._book.origins
        if not strange:
            return _as_it_is
        return lru_cache(maxsize=_VIEWS)(lambda view: view.with_mounted(strange))

    def _earlier_images(self, choice: Choice) -> Iterator[ImageShelf]:
        """Yield the images of all snapshots but those of a choice."""
        for project, chosen in zip(self._snapshots.projects, choice):
            for snapshot in reversed(project.snapshots()):
                if snapshot != chosen:
                    try:
                        yield project.images(snapshot)
                    except ArchiverError as error:
                        self._log(f"the images of {project.name}, snapshot {snapshot}: {error}")


def _as_it_is(view: View) -> View:
    return view
