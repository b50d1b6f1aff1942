"""References to environment variables in a spec: ``${NAME}``.

A spec travels: in snapshot records, in bundles, in repositories. So what is secret is not in it, but in the
environment of the program, and everything that a reference stands in is taken for secret.
"""

from __future__ import annotations

import re
from typing import Mapping

from archiver.core.errors import SpecError

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def variables(text: str) -> tuple[str, ...]:
    """Return the names of the variables that a value refers to, in order.

    Raises:
        SpecError: a ``${`` in it begins no reference.
    """
    if "${" in _REFERENCE.sub("", text):
        raise SpecError(
            "'${' begins no reference to an environment variable",
            hint="write ${NAME}, of letters, digits and _, beginning with no digit",
        )
    return tuple(_REFERENCE.findall(text))


def substituted(text: str, environment: Mapping[str, str]) -> str:
    """Return a value with its references replaced by what the environment says.

    Raises:
        SpecError: a variable is not set, or empty. The message never has a variable's value.
    """

    def value(match: re.Match[str]) -> str:
        found = environment.get(match[1], "")
        if not found:
            state = "empty" if match[1] in environment else "not set"
            raise SpecError(
                f"the environment variable {match[1]} is {state}",
                hint=f"set it where the program runs, such as by: export {match[1]}=…",
            )
        return found

    return _REFERENCE.sub(value, text)
