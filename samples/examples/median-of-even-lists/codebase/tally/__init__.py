"""Summaries of columns of numbers."""

from .reader import BadCell, read_columns
from .summary import Summary, mean, median, percentile, summarise

__all__ = ["BadCell", "Summary", "mean", "median", "percentile", "read_columns", "summarise"]
