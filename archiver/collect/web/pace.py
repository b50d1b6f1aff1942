"""How fast one host is asked: as fast as the spec allows until the host objects, then slower for a while.

The rule is that of congestion control: speed is cut by factors and given back in small equal steps, and what
was sent before a cut says nothing about the time after it (RFC 5681, section 3.1). No clock here: every moment is an
argument, in seconds of any one monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FIRST_PAUSE = 1.0
"""The seconds of the first pause, where the host does not say how long; it doubles with every further one."""
LONGEST_PAUSE = 600.0
"""The bound on a pause in seconds, whatever a Retry-After asks for (RFC 9110, section 10.2.3, sets none)."""
MOST_PAUSES = 10
"""After so many pauses without one good answer in between, the host is not asked any more."""
_ELSEWHERE = 4  # connections to a host that the spec does not name
_FIRST_DELAY, _LONGEST_DELAY = 0.25, 10.0  # between requests to a host that objected, in first pauses
_STEADY = 10  # good answers for one step back
_STEPS = 10  # steps that take a raised delay back


@dataclass(frozen=True)
class Manners:
    """How a host may be asked at most.

    Attributes:
        connections: how many requests at the same time.
        delay: seconds between the starts of two requests.
    """

    connections: int
    delay: float = 0.0

    @property
    def elsewhere(self) -> Manners:
        """The same for a host that only pages name: nobody has asked its owner."""
        return replace(self, connections=min(self.connections, _ELSEWHERE))


class Pace:
    """The pace of one host. Belongs to one thread.

    Args:
        manners: the most that the spec allows.
        first_pause, longest_pause: in seconds; complaints raise the delay to a quarter of the first, at least,
            and to ten times the first at most.
    """

    def __init__(
        self, manners: Manners, *, first_pause: float = FIRST_PAUSE, longest_pause: float = LONGEST_PAUSE
    ) -> None:
        self._manners, self._first_pause, self._longest_pause = manners, first_pause, longest_pause
        self._connections, self._delay = manners.connections, manners.delay
        self._step = 0.0
        self._next = self._resumes = self._cut_at = float("-inf")
        self._pauses = self._good = 0

    @property
    def connections(self) -> int:
        """How many requests may be under way at the same time."""
        return self._connections

    @property
    def delay(self) -> float:
        """Seconds between the starts of two requests."""
        return self._delay

    @property
    def exhausted(self) -> bool:
        """Whether the host did nothing but object for so long that it is to be left alone."""
        return self._pauses >= MOST_PAUSES

    def slow_to(self, delay: float) -> None:
        """Take note of a delay that the host itself asks for (Crawl-delay), in seconds."""
        if delay > self._manners.delay:
            self._manners = replace(self._manners, delay=delay)
            self._delay = max(self._delay, delay)

    def rest(self, now: float, seconds: float) -> None:
        """Ask nothing for a while, and no slower after that: the host is not there at the moment."""
        self._resumes = max(self._resumes, now + seconds)

    def wait(self, now: float) -> float:
        """Return the seconds until the next request may start; 0 where it may at once."""
        return max(0.0, self._next - now, self._resumes - now)

    def room(self, busy: int, now: float) -> int:
        """Return how many requests may be handed out now, where ``busy`` are already.

        At full speed that is one more for each connection than it can send, so that none ever idles.
        """
        if self.wait(now):
            return 0
        if self._delay:
            return min(1, max(0, self._connections - busy))
        ahead = 2 if self._connections == self._manners.connections else 1
        return max(0, ahead * self._connections - busy)

    def began(self, now: float) -> None:
        """Account for a request that starts."""
        self._next = now + self._delay

    def succeeded(self, began: float) -> None:
        """Account for an answer that is no complaint, to a request that began then."""
        if began < self._cut_at:
            return
        self._pauses, self._good = 0, self._good + 1
        if self._good >= _STEADY:
            self._good = 0
            self._connections = min(self._connections + 1, self._manners.connections)
            left = self._delay - self._step
            own = self._manners.delay
            self._delay = left if left > own + self._step / 2 else own  # not a rounding error away from it

    def stumbled(self, began: float, now: float) -> None:
        """Account for a timeout, a broken connection or an overloaded server: fewer connections from now on."""
        if began >= self._cut_at:
            self._cut(now)

    def throttled(self, began: float, now: float, asked: float | None) -> float:
        """Account for 429, or 503 with a Retry-After: nothing is asked for a while, and less after that.

        Args:
            began: when the request began that was answered so.
            now: when the answer came.
            asked: the seconds of its Retry-After, if it has one.

        Returns:
            The seconds until the host is asked again.
        """
        pause = 0.0
        if began >= self._cut_at:  # else it belongs to a burst that was answered for already
            pause = self._first_pause * 2.0**self._pauses
            self._pauses += 1
            self._cut(now)
            least, most = _FIRST_DELAY * self._first_pause, _LONGEST_DELAY * self._first_pause
            self._delay = max(min(max(least, 2 * self._delay), most), self._manners.delay)
            self._step = (self._delay - self._manners.delay) / _STEPS
        self._resumes = max(self._resumes, now + min(max(pause, asked or 0.0), self._longest_pause))
        return self._resumes - now

    def _cut(self, now: float) -> None:
        self._connections = max(1, self._connections // 2)
        self._cut_at, self._good = now, 0
