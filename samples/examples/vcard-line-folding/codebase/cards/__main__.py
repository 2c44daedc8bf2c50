"""python3 -m cards fold|unfold|names < in > out"""

import sys

from . import fold, parse_line, unfold


def main(argv):
    if len(argv) != 2 or argv[1] not in ("fold", "unfold", "names"):
        print(__doc__, file=sys.stderr)
        return 2
    data = sys.stdin.buffer.read()
    try:
        if argv[1] == "fold":
            out = fold(data)
        elif argv[1] == "unfold":
            out = unfold(data)
        else:
            lines = unfold(data).decode("utf-8").splitlines()
            names = [p.value for p in map(parse_line, filter(None, lines)) if p.name == "FN"]
            out = "".join(name + "\n" for name in names).encode("utf-8")
    except ValueError as error:
        print(f"cards: {error}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
