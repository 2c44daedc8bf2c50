import io
import unittest

from tally import mean, median, read_columns


class SummaryTest(unittest.TestCase):
    def test_mean(self):
        self.assertEqual(mean([1, 2, 6]), 3)

    def test_median_of_three(self):
        self.assertEqual(median([3, 1, 2]), 2)

    def test_columns(self):
        columns = read_columns(io.StringIO("a,b\n1,2\n,4\n"))
        self.assertEqual(columns, {"a": [1.0], "b": [2.0, 4.0]})


if __name__ == "__main__":
    unittest.main()
