"""WARC files before their three judges: warcio, fastwarc, and the project's own strict checker."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING
from unittest import mock

from fastwarc.warc import ArchiveIterator, WarcRecordType
from warcio.bufferedreaders import BufferedReader
from warcio.checker import Checker

from judges.strictwarc import strict

if TYPE_CHECKING:
    from pathlib import Path

    from judges.strictwarc import Record

_HEADERS = 1 << 20  # bytes; what a server may send is up to the crawler


def judge_warcs(folder: Path) -> list[Record]:
    """Have every WARC file of a folder judged; fail with all findings, or return all records in order.

    Args:
        folder: holds WARC files that belong together, and nothing else.
    """
    paths = sorted(folder.iterdir())
    verdict = strict(paths)
    findings = [*verdict.findings]
    for path in paths:
        findings += [f"warcio: {line}" for line in warcio_findings(path)]
        findings += [f"fastwarc: {line}" for line in fastwarc_findings(path)]
    assert not findings, "\n".join(findings)
    return verdict.records


def warcio_findings(path: Path) -> list[str]:
    """Return what ``warcio check`` finds wrong with a file."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), mock.patch.dict(BufferedReader.DECOMPRESSORS):
        # warcio 1.8 cannot use brotli 1.2, which fastwarc brings; digests are of packed bytes anyway
        BufferedReader.DECOMPRESSORS.pop("br", None)
        failed = Checker(type("Options", (), {"inputs": [str(path)], "verbose": False})).process_all()
    return said.getvalue().splitlines() or [f"{path.name}: exit code {failed}"] if failed else []


def fastwarc_findings(path: Path) -> list[str]:
    """Return what fastwarc finds wrong with a file: what cannot be read, and digests that are missing or wrong."""
    findings = []
    try:
        for record in ArchiveIterator(str(path), parse_http=False, max_header_len=_HEADERS):
            where = f"{path.name}:{record.stream_pos}"
            if not record.verify_block_digest(consume=False):
                findings.append(f"{where}: block digest")
            if record.record_type in (WarcRecordType.response, WarcRecordType.request):
                record.parse_http(max_header_len=_HEADERS)
                if not record.verify_payload_digest(consume=False):
                    findings.append(f"{where}: payload digest")
    except OSError as error:
        findings.append(f"{path.name}: {error}")
    return findings


def captured_urls(records: list[Record]) -> list[str]:
    """Return the URLs of the response and revisit records, in order of writing."""
    return [record.url for record in records if record.type in ("response", "revisit")]


def truncated_urls(records: list[Record]) -> dict[str, str]:
    """Return the URLs of what was cut, and why (WARC-Truncated)."""
    return {
        record.url: record.headers["WARC-Truncated"]
        for record in records
        if "WARC-Truncated" in record.headers
    }
