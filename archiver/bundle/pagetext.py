"""The text of an archived page, as it is indexed for search and compared with what it was."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from archiver.bundle.documents import MOST_BYTES, decode_html
from archiver.core.contentcoding import decoded_start, is_decodable
from archiver.core.digest import CHUNK
from archiver.core.errors import ContentError

if TYPE_CHECKING:
    from archiver.offline.holdings import Response


def page_text(response: Response) -> str:
    """Return a page's source as text, its first ``MOST_BYTES`` bytes; the response is closed.

    Raises:
        ContentError, RecordCorrupt: it is not what was captured, or its content coding is not known.
    """
    headers = {name.lower(): value for name, value in response.headers}
    coding = headers.get("content-encoding", "")
    with closing(response.body) as body:
        if not is_decodable(coding):
            raise ContentError(f"its content coding {coding!r:.80} is not known")
        content = decoded_start(iter(lambda: body.read(CHUNK), b""), coding, MOST_BYTES)
    return decode_html(content, headers.get("content-type", ""))
