"""How deeply the elements of an HTML document are nested, told without parsing it.

An HTML5 parser asks at nearly every tag what elements are open, so its time grows with tags times depth: 40,000
``<div>`` within each other, 200 kB, take seconds. Pages are not trusted; this looks first, in linear time.
"""

from __future__ import annotations

import re
from itertools import islice

MOST_NESTED = 20_000
"""Elements within each other that are still parsed; what people write stays below a hundred."""

# Attributes are read as WHATWG HTML, section 13.2.5, has it. Every alternative ends at the document's end at
# the latest, so that no text is looked at twice.
_TOKEN = re.compile(
    r"""
    <!--.*?(?:-->|\Z) | <!\[CDATA\[.*?(?:\]\]>|\Z)
    | <(?P<end>/?)(?P<name>[A-Za-z][^\s/>]*)
      (?P<rest>(?:[^>=]+|=\s*(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z))?)*)(?:>|\Z)
    """,
    re.DOTALL | re.VERBOSE,
)
_START = re.compile(r"<([A-Za-z][^\s/>]*)")
# Elements that hold nothing, or that the next one of their kind ends though no end tag is written.
_UNNESTED = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
    | {"p", "li", "dt", "dd", "tr", "td", "th", "option"}
)
_FOREIGN = frozenset({"svg", "math"})


def is_too_deep(html: str) -> bool:
    """Say whether a document's elements may be nested beyond MOST_NESTED.

    It errs on the side of depth: an end tag counts only where it is surely one, and closes the element begun
    last; start tags count also in comments, scripts and attributes, in which other end tags may hide.
    """
    if html.count("<") < MOST_NESTED:
        return False
    open_now: list[str] = []
    foreign = 0  # of those, how many are SVG or MathML, in which "/>" closes
    for token in _TOKEN.finditer(html):
        name = (token["name"] or "").lower()
        if token["end"]:
            if open_now and open_now[-1] == name:
                open_now.pop()
                foreign -= name in _FOREIGN
        elif name and not (name in _UNNESTED or (foreign and token["rest"].endswith("/"))):
            open_now.append(name)
            foreign += name in _FOREIGN
        inside = token.start("rest") if name else token.start()
        if html.find("<", inside, token.end()) >= 0:
            hidden = (start[1].lower() for start in _START.finditer(html, inside, token.end()))
            nested = (each for each in hidden if each not in _UNNESTED and each not in _FOREIGN)
            open_now.extend(islice(nested, MOST_NESTED + 1))
        if len(open_now) > MOST_NESTED:
            return True
    return False
