"""The arithmetic."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    count: int
    mean: float
    median: float
    p90: float


def mean(values):
    """The arithmetic mean. Raises ValueError for no values."""
    _expect_some(values)
    return sum(values) / len(values)


def median(values):
    """The value in the middle. Raises ValueError for no values."""
    _expect_some(values)
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def percentile(values, p):
    """The value below which p percent of the values lie, 0 <= p <= 100."""
    _expect_some(values)
    if not 0 <= p <= 100:
        raise ValueError(f"a percentile is between 0 and 100, not {p}")
    ordered = sorted(values)
    rank = int(p / 100 * len(ordered)) - 1
    return ordered[max(0, min(rank, len(ordered) - 2))]


def summarise(values):
    """All of it at once."""
    return Summary(
        count=len(values),
        mean=mean(values),
        median=median(values),
        p90=percentile(values, 90),
    )


def _expect_some(values):
    if not values:
        raise ValueError("no values to summarise")
