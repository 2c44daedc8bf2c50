"""python3 -m tally [FILE]: a line for each numeric column."""

import sys

from . import BadCell, read_columns, summarise


def main(argv):
    try:
        if len(argv) > 1:
            with open(argv[1], newline="", encoding="utf-8") as file:
                columns = read_columns(file)
        else:
            columns = read_columns(sys.stdin)
    except (BadCell, OSError) as error:
        print(f"tally: {error}", file=sys.stderr)
        return 1
    for name, values in columns.items():
        if not values:
            print(f"{name}: n=0")
            continue
        s = summarise(values)
        print(f"{name}: n={s.count} mean={s.mean:g} median={s.median:g} p90={s.p90:g}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
