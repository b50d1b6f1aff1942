"""Having a large file written to the disk while it grows, so that the sync at its end finds little left to do."""

from __future__ import annotations

import os
from contextlib import suppress

_STEP = 8 << 20  # bytes


class WriteBack:
    """Tells the system every so often to begin writing what has been added to an open file.

    Args:
        descriptor: the file.
        size: how many bytes it has that need no writing.
    """

    def __init__(self, descriptor: int, size: int = 0) -> None:
        self._descriptor, self._begun = descriptor, size

    def grown_to(self, size: int) -> None:
        """Take note that the file has so many bytes now; a file that was cut needs a new object."""
        if size - self._begun < _STEP:
            return
        # Linux begins to write dirty pages that are said not to be needed, and does not wait for them.
        if hasattr(os, "posix_fadvise"):
            with suppress(OSError):  # it was advice
                os.posix_fadvise(self._descriptor, self._begun, size - self._begun, os.POSIX_FADV_DONTNEED)
        self._begun = size
