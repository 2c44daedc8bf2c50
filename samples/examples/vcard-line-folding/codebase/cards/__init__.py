"""Tools for vCard files."""

from .folding import fold, unfold
from .properties import Property, parse_line

__all__ = ["Property", "fold", "parse_line", "unfold"]
