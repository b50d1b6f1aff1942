"""HTTP statuses that say more than that something failed."""

from __future__ import annotations

from http import HTTPStatus

GONE_STATUSES = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS})
"""Upstream has a thing no longer, or gives it to nobody: the same answer is to be expected tomorrow.

Source: RFC 9110, sections 15.5.5 (404) and 15.5.11 (410); RFC 7725, section 3 (451).
"""
