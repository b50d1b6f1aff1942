"""Things that are costly to open, lent to many at once, and closed when nobody has used them for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Callable, Generic, Hashable, Iterable, Optional, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass
class _Loan(Generic[V]):
    """A thing, how many have it, and the turn that whoever opens it takes."""

    users: int = 0
    value: Optional[V] = None
    turn: threading.Lock = field(default_factory=threading.Lock)


class Lending(Generic[K, V]):
    """Opens things by key, each once however many ask for it, and closes those unused for the longest time.

    What is in use is never closed. May be used by several threads at once.

    Args:
        opening: opens the thing of a key; what it raises reaches whoever asked.
        closing: closes the thing of a key.
        spare: how many to keep open that nobody uses.
    """

    def __init__(self, opening: Callable[[K], V], closing: Callable[[K, V], None], spare: int) -> None:
        self._opening = opening
        self._closing = closing
        self._spare = spare
        self._loans: OrderedDict[K, _Loan[V]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: K) -> V:
        """Return the thing of a key, open until it is given back."""
        with self._lock:
            loan = self._loans.get(key)
            if loan is None:
                loan = self._loans[key] = _Loan()
            loan.users += 1
            value = loan.value
        return value if value is not None else self._opened(key, loan)

    def give_back(self, key: K) -> None:
        """Say that somebody who took the thing of a key needs it no longer."""
        with self._lock:
            if key not in self._loans:
                return  # all was closed meanwhile
            self._loans[key].users -= 1
            self._loans.move_to_end(key)
            if len(self._loans) <= self._spare:
                return
            unused = [other for other, loan in self._loans.items() if not loan.users]
            closable = [
                (other, self._loans.pop(other).value) for other in unused[: max(0, len(unused) - self._spare)]
            ]
        self._close(closable)

    def close(self) -> None:
        """Close everything, in use or not."""
        with self._lock:
            closable = [(key, loan.value) for key, loan in self._loans.items()]
            self._loans.clear()
        self._close(closable)

    def _close(self, closable: Iterable[tuple[K, Optional[V]]]) -> None:
        for key, value in closable:
            if value is not None:  # it could not be opened
                self._closing(key, value)

    def _opened(self, key: K, loan: _Loan[V]) -> V:
        try:
            with loan.turn:
                if loan.value is None:
                    loan.value = self._opening(key)
                return loan.value
        except BaseException:
            self.give_back(key)
            raise
