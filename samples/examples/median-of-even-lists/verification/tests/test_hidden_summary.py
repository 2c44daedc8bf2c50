import io
import os
import subprocess
import sys
import unittest

from tally import BadCell, median, percentile, read_columns


class MedianTest(unittest.TestCase):
    def test_odd_count(self):
        self.assertEqual(median([5, 1, 9]), 5)
        self.assertEqual(median([7]), 7)

    def test_even_count_takes_the_mean_of_the_middle_two(self):
        self.assertEqual(median([40, 10, 30, 20]), 25)
        self.assertEqual(median([1, 1, 2, 100, 3, 50]), 2.5)

    def test_two_values(self):
        self.assertEqual(median([1, 2]), 1.5)

    def test_input_is_left_alone(self):
        values = [3, 1, 2, 0]
        median(values)
        percentile(values, 10)
        self.assertEqual(values, [3, 1, 2, 0])

    def test_nothing_is_refused(self):
        for function in (median, lambda values: percentile(values, 50)):
            with self.assertRaises(ValueError):
                function([])


class PercentileTest(unittest.TestCase):
    def test_ends_are_the_extremes(self):
        values = [40, 10, 30, 20]
        self.assertEqual(percentile(values, 0), 10)
        self.assertEqual(percentile(values, 100), 40)
        self.assertEqual(percentile([8], 0), 8)
        self.assertEqual(percentile([8], 100), 8)

    def test_fifty_is_the_median(self):
        for count in range(1, 12):
            values = [(7 * i) % 13 for i in range(count)]
            self.assertAlmostEqual(percentile(values, 50), median(values))

    def test_between_two_ranks_is_interpolated(self):
        self.assertAlmostEqual(percentile([10, 20, 30, 40], 90), 37)
        self.assertAlmostEqual(percentile([0, 10], 25), 2.5)

    def test_out_of_range_is_refused(self):
        for p in (-1, 100.5):
            with self.assertRaises(ValueError):
                percentile([1, 2], p)


class ReaderTest(unittest.TestCase):
    def test_bad_cells_are_named(self):
        with self.assertRaises(BadCell) as caught:
            read_columns(io.StringIO("ms\n1\nfast\n"))
        self.assertEqual(caught.exception.line, 3)


class CommandTest(unittest.TestCase):
    def test_report_of_an_even_column(self):
        done = subprocess.run(
            [sys.executable, "-m", "tally"],
            input="ms\n10\n20\n30\n40\n",
            capture_output=True,
            text=True,
            cwd=os.environ["SUBJECT_WORKSPACE"],
            timeout=30,
        )
        self.assertEqual(done.stdout, "ms: n=4 mean=25 median=25 p90=37\n")
        self.assertEqual(done.returncode, 0)
