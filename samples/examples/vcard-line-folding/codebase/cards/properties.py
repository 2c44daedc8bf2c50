"""A content line taken apart: NAME;PARAM=VALUE:value."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Property:
    name: str
    value: str
    parameters: dict = field(default_factory=dict)


def parse_line(line):
    """Parse one unfolded line. Raises ValueError when it has no colon."""
    head, colon, value = line.partition(":")
    if not colon:
        raise ValueError(f"no value in {line!r}")
    name, *parameters = head.split(";")
    parsed = {}
    for parameter in parameters:
        key, _, text = parameter.partition("=")
        parsed[key.upper()] = text
    return Property(name.upper(), value.replace("\\,", ",").replace("\\;", ";").replace("\\n", "\n"), parsed)
