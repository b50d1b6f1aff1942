"""What version a tag names. Pure; docs/decisions/0014 has the reasons, docs/mirroring.md says it to users.

A tag is read as ``[line][v]numbers[pre-release][suffix]``: one to six numbers with dots, or a date as
``2023-10-01`` or ``RELEASE.2023-10-01T02-03-04Z``. ``v1.2.3`` is ``1.2.3``, ``1.2`` is ``1.2.0``. Words such as
``alpha``, ``beta``, ``rc`` or ``dev`` make it a pre-release. Whatever else is there, in front or behind
(``-alpine``, ``-amd64``, ``controller-``), makes it a *variant* of the version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PHASES = {
    **dict.fromkeys(("dev", "devel", "snapshot", "nightly", "canary", "unstable"), 0),
    **dict.fromkeys(("alpha", "a"), 1),
    **dict.fromkeys(("beta", "b", "milestone", "m", "preview", "prerelease", "pre", "ea"), 2),
    **dict.fromkeys(("rc", "cr"), 3),
}
_RELEASE = 4
_SAME = {"a": "alpha", "b": "beta", "m": "milestone", "cr": "rc", "pre": "preview", "prerelease": "preview"}

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}-[0-9]{2}-[0-9]{2}Z)?(?![0-9])"
_TAG = re.compile(
    rf"(?P<line>(?:[A-Za-z]+[-_.])*)[vV]?(?P<numbers>{_DATE}|[0-9]+(?:\.[0-9]+){{0,5}}(?![0-9]))(?P<rest>.*)"
)
# Single letters mean something only right behind numbers: 3.13.0a2, but not 1.8-b13, nor the commit 3b123456.
_SHORT = re.compile(r"(?P<label>a|b)(?P<step>[0-9]+)(?=[-_.]|\Z)", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:(?<=[-_.0-9])|\A)"
    r"(?P<label>" + "|".join(sorted((word for word in _PHASES if len(word) > 1), key=len, reverse=True)) + "|m(?=[0-9]))"
    r"(?:[-_.]?(?P<step>[0-9]+(?:\.[0-9]+)*))?(?=[-_.]|\Z)",
    re.IGNORECASE,
)  # fmt: skip
_NO_SUFFIX = re.compile(r"[-_.](?:final|ga|release)\Z", re.IGNORECASE)  # as Java projects name their releases
_NO_LINE = "RELEASE."
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, order=True)
class Version:
    """A version, in the order of versions: a release is newer than its own pre-releases.

    Attributes:
        numbers: without zeros at the end, so that 1.2 is 1.2.0.
        phase: how far a pre-release is; the highest for a release.
        label: of the pre-release.
        step: the numbers behind the label.
    """

    numbers: tuple[int, ...]
    phase: int = _RELEASE
    label: str = ""
    step: tuple[int, ...] = ()

    @classmethod
    def of(cls, parts: tuple[int, ...]) -> Version:
        """Return the release with these numbers."""
        return cls(_stripped(parts))

    @property
    def is_release(self) -> bool:
        """Whether it is no pre-release."""
        return self.phase == _RELEASE


@dataclass(frozen=True)
class TagVersion:
    """What a tag names.

    Attributes:
        version: the version.
        parts: its numbers as they are written, zeros included.
        variant: what else the tag says; empty where it is the version and no more.
    """

    version: Version
    parts: tuple[int, ...]
    variant: str = ""

    @property
    def is_release(self) -> bool:
        """Whether this is a version in full: no variant and no pre-release."""
        return self.version.is_release and not self.variant

    @property
    def order(self) -> tuple[tuple[str, int], ...]:
        """Sorts variants, numbers in them as numbers: a later rebuild is behind an earlier one."""
        texts = _DIGITS.split(self.variant)
        return tuple(zip(texts[::2], (int(number) for number in [*texts[1::2], "-1"]), strict=True))


def tag_version(tag: str) -> TagVersion | None:
    """Return what version a tag names; None where it names none, as ``latest`` and ``alpine3.18``.

    Args:
        tag: a valid tag, so of at most 128 characters.
    """
    match = _TAG.fullmatch(tag)
    if match is None:
        return None
    parts = tuple(int(part) for part in re.findall("[0-9]+", match["numbers"]))
    line = "" if match["line"] == _NO_LINE else match["line"]
    rest = _NO_SUFFIX.sub("", match["rest"])
    label = (_SHORT.match(rest) if len(parts) > 1 else None) or _LABEL.search(rest)
    if rest[:1].isalpha() and (label is None or label.start() > 0):
        return None  # 32bit, 8u121, a commit that begins with a digit
    if label is None:
        return TagVersion(Version.of(parts), parts, line + rest)
    before, behind = rest[: label.start()], rest[label.end() :]
    name = label["label"].lower()
    step = tuple(int(part) for part in (label["step"] or "").split(".") if part)
    version = Version(_stripped(parts), _PHASES[name], _SAME.get(name, name), step)
    return TagVersion(version, parts, line + before.rstrip("-_.") + behind)


def _stripped(parts: tuple[int, ...]) -> tuple[int, ...]:
    end = len(parts)
    while end and not parts[end - 1]:
        end -= 1
    return parts[:end]
