"""Reading WWW-Authenticate headers.

Sources: RFC 9110, section 11.6.1 (grammar); RFC 6750, section 3, and RFC 7617 (the schemes that registries use).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Mapping

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SCHEME = re.compile(rf"({_WORD})(?=[ \t,]|\Z)(?:[ \t]+([A-Za-z0-9\-._~+/]+=*)[ \t]*(?=,|\Z))?[ \t]*")
# An unquoted value should be a word as well; addresses are seen there.
_PARAMETER = re.compile(rf'({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))[ \t]*(?=,|\Z)')
_SEPARATOR = re.compile(r"[ \t,]*")
_LIMIT = 8192  # characters


@dataclass(frozen=True)
class Challenge:
    """One way in that a server offers; scheme and parameter names are in lowercase."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Return the challenges of a WWW-Authenticate header in order; several headers are joined by commas.

    Reading ends at the first thing that is not in the grammar, with what was read until then.
    """
    header = header[:_LIMIT].strip()
    found: list[tuple[str, dict[str, str]]] = []
    position = _skip(header, 0)
    while position < len(header):
        parameter = _PARAMETER.match(header, position)
        if parameter is not None and found:
            quoted, plain = parameter[2], parameter[3]
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found[-1][1].setdefault(parameter[1].lower(), value)
            position = _skip(header, parameter.end())
            continue
        scheme = _SCHEME.match(header, position)
        if scheme is None:
            break
        found.append((scheme[1].lower(), {}))
        position = _skip(header, scheme.end())
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


def _skip(header: str, position: int) -> int:
    match = _SEPARATOR.match(header, position)
    return match.end() if match else position
