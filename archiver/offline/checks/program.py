"""Whether archiver.pyz is a sound zip application."""

from __future__ import annotations

import zipfile
import zlib
from typing import IO, TYPE_CHECKING

from archiver.offline.names import PROGRAM
from archiver.offline.windows import CHUNK, open_window

if TYPE_CHECKING:
    from archiver.offline.problems import Report
    from archiver.offline.windows import RandomAccess

_MOST_PACKED = 64 << 20
_MOST_UNPACKED = 256 << 20
_MOST_FILES = 20_000


def check_program(source: RandomAccess, report: Report) -> None:
    """Unpack the whole program in memory, a piece at a time, and compare every file's CRC-32."""
    if source.size > _MOST_PACKED:
        report("program.zip", PROGRAM, f"{source.size} bytes are more than are accepted")
        return
    try:
        with open_window(source, 0, source.size) as stream:
            _check(stream, report)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        report("program.zip", PROGRAM, f"it cannot be unpacked: {error}")


def _check(stream: IO[bytes], report: Report) -> None:
    with zipfile.ZipFile(stream) as packed:
        files = packed.infolist()
        unpacked = sum(file.file_size for file in files)
        if len(files) > _MOST_FILES or unpacked > _MOST_UNPACKED:
            report(
                "program.zip", PROGRAM, f"{len(files)} files of {unpacked} bytes are more than are accepted"
            )
            return
        if any(file.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for file in files):
            report("program.zip", PROGRAM, "a file in it is packed in a way that not every Python unpacks")
            return
        if "__main__.py" not in packed.namelist():
            report("program.zip", PROGRAM, "there is no __main__.py in it")
        for file in files:
            with packed.open(file) as content:
                while content.read(CHUNK):  # reading to the end compares the CRC
                    pass
