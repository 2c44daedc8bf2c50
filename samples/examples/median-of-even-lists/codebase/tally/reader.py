"""Reading columns of numbers out of CSV text."""

import csv


class BadCell(ValueError):
    """A cell that holds no number; the message names its line and column."""

    def __init__(self, line, column, text):
        super().__init__(f"line {line}, column {column!r}: {text!r} is not a number")
        self.line = line
        self.column = column


def read_columns(lines):
    """Return a dict of column name to list of floats. Empty cells are left out."""
    rows = csv.reader(lines)
    try:
        names = [name.strip() for name in next(rows)]
    except StopIteration:
        return {}
    columns = {name: [] for name in names}
    for row in rows:
        for name, text in zip(names, row):
            text = text.strip()
            if not text:
                continue
            try:
                columns[name].append(float(text))
            except ValueError:
                raise BadCell(rows.line_num, name, text) from None
    return columns
