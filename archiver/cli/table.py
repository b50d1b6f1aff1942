"""Tables in plain text: a line a row, names last, as ``ls -l`` has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Iterator, Sequence

_GAP = "  "
_OVERLONG = 10  # of so many names one may be longer than there is room for


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        heading: what it is called.
        right: whether its cells stand at the right, as numbers do.
        keep: the columns with the lowest number are left out first where there is no room; those with 0 never are.
    """

    heading: str
    right: bool = False
    keep: int = 0


def table_lines(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], *, width: int | None = None, indent: str = ""
) -> Iterator[str]:
    """Yield a table's heading and its rows, without trailing blanks.

    No cell is ever cut. Columns that may be left out are where they are empty, and where most lines would be too
    wide with them; then a last line says which those are.

    Args:
        columns: the columns; the last one has the names.
        rows: the cells of each row. A row of a single cell is a heading among the rows.
        width: how many characters a line may have, but for a few with long names; None for no limit.
        indent: goes before each row.
    """
    cells = [tuple(row) for row in rows]
    full = [row for row in cells if len(row) > 1]
    widths = [max(len(cell) for cell in column) for column in zip([each.heading for each in columns], *full)]
    names = sorted((len(row[-1]) for row in full), reverse=True)
    widths[-1] = names[len(names) // _OVERLONG] if names else 0
    used = [n for n, each in enumerate(columns) if not each.keep or any(row[n] for row in full)]
    omitted: list[int] = []
    if width is not None:
        for n in sorted((n for n in used if columns[n].keep), key=lambda n: columns[n].keep):
            if len(indent) + sum(widths[n] + len(_GAP) for n in used) - len(_GAP) > width:
                used.remove(n)
                omitted.append(n)
    for row in ([each.heading for each in columns], *cells):
        if len(row) == 1:
            yield row[0]
            continue
        padded = (
            row[n].rjust(widths[n]) if columns[n].right else row[n].ljust(widths[n] if n != used[-1] else 0)
            for n in used
        )
        yield (indent + _GAP.join(padded)).rstrip()
    if omitted:
        yield f"{indent}(no room for {', '.join(columns[n].heading for n in sorted(omitted))})"
