"""Other people's words, made fit to be shown: names from a bundle, a server's messages, header values."""

from __future__ import annotations


def printable(text: str, most: int = 400) -> str:
    r"""Return text on one line in which nothing controls a terminal or turns the reading order around.

    What Unicode does not count as printable (C0 and C1 controls, line separators, the bidi controls
    and other invisible characters, lone surrogates) is escaped visibly as Python does: ``\x1b``, ``\u202e``.

    Args:
        text: what somebody else wrote.
        most: the most characters returned; a longer text is cut and ends in ``…``.
    """
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[: most + 1])
    return shown if len(shown) <= most else shown[: most - 1] + "…"
