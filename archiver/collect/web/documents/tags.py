"""The start tags of an HTML document that may refer to something, found without building a tree.

What a document refers to stands in its start tags, whatever element ends up within which; so the part of a
parser that takes most of the time, and ever more of it the deeper a hostile document nests, is left out.
What is found is what a parser finds, and at most more: a tag in the attribute of an element that is not
looked at here, or where the tree's rules would drop it (within ``<select>``), is taken for one.

Source: WHATWG HTML, section 13.2.5 (tokenization).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from html.entities import html5
from typing import Iterable, Mapping

# Every tag that is looked at is read to its end or to the document's, and nothing twice: time is linear.
_SPACE = r"[ \t\n\f\r]"
_BARE = r"""[^ \t\n\f\r>"'][^ \t\n\f\r>]*+"""
_NAME = r"=?+[^ \t\n\f\r/>=]++"
_VALUE = rf"""(?:{_SPACE}*+={_SPACE}*+(?:"[^"]*+"|'[^']*+'|{_BARE}|(?=>)))?+"""
_ATTRIBUTES = rf"(?:[ \t\n\f\r/]++|{_NAME}{_VALUE}|=)*+"
_END_OF_NAME = r"(?=[ \t\n\f\r/>])"


def _any_case(names: str) -> str:
    """Return a pattern for names in any case. A flag would cost the search its first letters."""
    return "|".join(
        "".join(f"[{letter}{letter.upper()}]" for letter in name if letter.isalpha())
        for name in names.split()
    )


_HREF = _any_case("href")
_ANCHOR = (  # all but every tenth tag that refers to something, so its one attribute is taken out at once
    rf"""[aA](?:[ \t\n\f\r/]++(?:(?!{_HREF}[ \t\n\f\r/>=]){_NAME}(?:="[^"]*+"|{_VALUE})[ \t\n\f\r/]*+)*+"""
    rf"""{_HREF}(?:="([^"]*+)"|{_SPACE}*+={_SPACE}*+(?:"([^"]*+)"|'([^']*+)'|({_BARE}))))"""
)
_TEXT = (  # elements whose content is text, whatever it looks like
    rf"""({_any_case("script style title textarea xmp noembed noframes")}){_END_OF_NAME}({_ATTRIBUTES})"""
    rf"""(?:>(?:(?<=/>)|(.*?)(?:</\5{_END_OF_NAME}|\Z))|\Z)"""
)
_OTHERS = (
    rf"""({_any_case("a area audio base embed feimage form frame html iframe image img input link meta object")}"""
    rf"""|{_any_case("source track use video")}){_END_OF_NAME}({_ATTRIBUTES})(?:>|\Z)"""
)
_COMMENT = r"!--(?:-?>|.*?(?:--!?>|\Z))"
_WORTH_A_LOOK = r"(?=[aA!]|[sStTxXnN][cCtTiIeEmMoOrR]|[befhilmouvBEFHILMOUV])"
_MARKUP = re.compile(f"<{_WORTH_A_LOOK}(?:{_ANCHOR}|{_TEXT}|{_OTHERS}|{_COMMENT})", re.DOTALL)
_ATTRIBUTE = re.compile(
    rf"""({_NAME})(?:{_SPACE}*+={_SPACE}*+(?:"([^"]*+)"|'([^']*+)'|({_BARE})))?+""",
)
_REFERENCE = re.compile(r"&(?:#(?:[xX][0-9a-fA-F]{1,8}|[0-9]{1,8});?|([A-Za-z][A-Za-z0-9]{1,31})(;?)(=?))")


def _values_of(name: str) -> re.Pattern[str]:
    """Return a pattern for an attribute's value, of whatever element. Its letters come first: that is quick."""
    return re.compile(
        rf"""{name}(?<=[ \t\n\f\r"'/]{name}){_SPACE}*+={_SPACE}*+(?:"([^"]*+)"|'([^']*+)'|({_BARE}))"""
    )


_STYLES = tuple(map(_values_of, ("style", "STYLE")))
_BACKGROUNDS = tuple(map(_values_of, ("background", "BACKGROUND")))


_AT_ONCE = 4 << 20  # characters
_HEAD = 64 << 10  # characters; what is written in capitals is old, and shows it at once


@dataclass(frozen=True)
class Tag:
    """A start tag.

    Attributes:
        name: in lowercase.
        attributes: by name, in lowercase; of several of one name the first. One without a value has "".
        text: the content of an element that holds text only (``script``, ``style``, ``title``, …).
    """

    name: str
    attributes: Mapping[str, str]
    text: str = ""


@dataclass(frozen=True)
class Tags:
    """The tags of a document.

    Attributes:
        hrefs: the distinct ``href`` values of its anchors.
        others: all other tags that may refer to something, anchors without ``href`` among them.
        styles, backgrounds: the values of these attributes, of whatever element.
    """

    hrefs: tuple[str, ...]
    others: tuple[Tag, ...]
    styles: tuple[str, ...]
    backgrounds: tuple[str, ...]


def tags_of(html: str) -> Tags:
    """Return the tags of a document that may refer to something, in its order; of several alike the first."""
    hrefs: dict[str, None] = {}
    others: dict[tuple[str, str, str], None] = {}
    for short, double, single, bare, holder, held, text, name, attributes in _markup(html):
        if name:
            others[name, attributes, ""] = None
        elif holder:
            others[holder, held, text] = None
        else:  # an anchor; an empty string for a comment
            hrefs[short or double or single or bare] = None
    hrefs.pop("", None)
    return Tags(
        tuple(attribute_text(href) if "&" in href else href for href in hrefs),
        tuple(Tag(name.lower(), attributes_of(attributes), text) for name, attributes, text in others),
        _values(_STYLES, html) if "url(" in html else (),
        _values(_BACKGROUNDS, html) if "background" in html or "BACKGROUND" in html[:_HEAD] else (),
    )


def _markup(html: str) -> Iterable[tuple[str, ...]]:
    """Return the groups of every match: at once, which is quicker, where that takes no memory to speak of."""
    if len(html) <= _AT_ONCE:
        return _MARKUP.findall(html)
    return (found.groups("") for found in _MARKUP.finditer(html))


def attributes_of(text: str) -> dict[str, str]:
    """Return the attributes of a start tag, given what stands between its name and its end."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        value = double or single or bare
        found.setdefault(name.lower(), attribute_text(value) if "&" in value else value)
    return found


def attribute_text(raw: str) -> str:
    """Return an attribute's value with its character references undone.

    Other than in text, a name without a semicolon stands for itself where a letter, a digit or ``=`` follows:
    ``?a=1&copy=2`` (WHATWG HTML, section 13.2.5.73).
    """
    return _REFERENCE.sub(_referred, raw)


def _referred(match: re.Match[str]) -> str:
    name = match[1]
    if name and not match[2] and (match[3] or name not in html5):
        return match[0]
    return unescape(match[0])


def _values(patterns: Iterable[re.Pattern[str]], html: str) -> tuple[str, ...]:
    found = (match for pattern in patterns for match in pattern.finditer(html))
    values = (next(filter(None, match.groups()), "") for match in found)
    return tuple(dict.fromkeys(attribute_text(value) for value in values))
