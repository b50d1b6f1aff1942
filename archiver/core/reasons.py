"""Words for why a URL is not asked for, and for what is wrong with a page: they stand in snapshots and reports.

docs/crawling.md explains them to the keeper. Limits and traps, which are rules of their own, bring their own words.
"""

from __future__ import annotations

EXCLUDED = "excluded"
OUTSIDE = "out of scope"
NOT_WEB = "not http"
OTHER_VERSION = "other version"
OTHER_LOCALE = "other locale"
TOO_LONG = "too long"
TOO_MANY_REDIRECTS = "too many redirects"
REDIRECT_LOOP = "trap: redirect loop"
NOT_THERE = "guessed, not there"
ROBOTS = "robots"
NO_ROBOTS = "robots unreadable"
PRIVATE = "private address"
DEAD_HOST = "host unreachable"
BUSY_HOST = "host too busy"
GONE_UPSTREAM = "gone upstream"
"""Why a URL is not asked for, or not asked for again."""

SOFT_404 = "soft 404"
LOGIN = "login page"
PARKED = "parked domain"
NOT_THE_FILE = "not the file asked for"
SCRIPT_ONLY = "script only"
CATCH_ALL = "catch-all"
TAKEN_DOWN = "taken down"
"""What is wrong with a page; an origin is a catch-all where every URL gets the same one, so nothing tells what exists.

What is ``taken down`` is a notice, in place of what there was, that it is no more: a page still, unless every URL has it."""
