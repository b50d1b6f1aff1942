from __future__ import annotations

from archiver.cli.table import Column, table_lines

COLUMNS = (
    Column("STATE"),
    Column("SIZE", right=True, keep=2),
    Column("DIGEST", keep=1),
    Column("FROM", keep=3),
    Column("NAME"),
)
ROWS = [
    ("new", "1.0 kB", "0123456789ab", "", "short"),
    ("unchanged", "123.4 MB", "ba9876543210", "", "a/longer-name:1.0"),
]


def test_columns_are_as_wide_as_their_cells():
    """Numbers stand at the right, names last, nothing has trailing blanks, and an empty column is left out."""
    assert list(table_lines(COLUMNS, ROWS, indent="  ")) == [
        "  STATE          SIZE  DIGEST        NAME",
        "  new          1.0 kB  0123456789ab  short",
        "  unchanged  123.4 MB  ba9876543210  a/longer-name:1.0",
    ]


def test_what_there_is_no_room_for_is_left_out_by_rank():
    """A narrow terminal loses the column that says least first, a narrower one the next, and the table says so."""
    assert list(table_lines(COLUMNS, ROWS, width=40)) == [
        "STATE          SIZE  NAME",
        "new          1.0 kB  short",
        "unchanged  123.4 MB  a/longer-name:1.0",
        "(no room for DIGEST)",
    ]
    assert list(table_lines(COLUMNS, ROWS, width=30))[-1] == "(no room for SIZE, DIGEST)"


def test_names_are_never_cut():
    """Where there is no room at all, lines are too long rather than names too short."""
    lines = list(table_lines(COLUMNS, ROWS, width=1))
    assert lines[2] == "unchanged  a/longer-name:1.0"


def test_a_few_long_names_do_not_narrow_the_table():
    """One overlong name in ten rows has a longer line; the columns of all others stay."""
    rows = [*(ROWS[0],) * 10, ("new", "1 byte", "0123456789ab", "", "x" * 200)]
    lines = list(table_lines(COLUMNS, rows, width=60))
    assert lines[1] == "new    1.0 kB  0123456789ab  short"
    assert lines[11].endswith("x" * 200)
    assert len(lines) == 12


def test_a_row_of_one_cell_stands_alone():
    """Headings among the rows neither widen a column nor are indented as rows are."""
    heading = "section " * 10
    lines = list(table_lines(COLUMNS, [(heading,), ROWS[0]], indent="  "))
    assert lines == ["  STATE    SIZE  DIGEST        NAME", heading, "  new    1.0 kB  0123456789ab  short"]
