"""Folding of long lines, RFC 6350 section 3.2. Works on bytes: the limit is in octets."""

LIMIT = 75
CRLF = b"\r\n"


def fold(data):
    """Fold every line of `data` that is longer than LIMIT octets."""
    out = []
    for line in _lines(data):
        out.append(line[:LIMIT])
        rest = line[LIMIT:]
        while rest:
            out.append(b" " + rest[: LIMIT - 1])
            rest = rest[LIMIT - 1 :]
    return b"".join(line + CRLF for line in out)


def unfold(data):
    """Join continuations with the line they belong to."""
    out = []
    for line in _lines(data):
        # Decoded line by line, so that broken input is noticed where it is.
        text = line.decode("utf-8")
        if text[:1].isspace() and out:
            out[-1] += text.strip()
        else:
            out.append(text)
    return b"".join(line.encode("utf-8") + CRLF for line in out)


def _lines(data):
    lines = data.replace(CRLF, b"\n").split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    return lines
