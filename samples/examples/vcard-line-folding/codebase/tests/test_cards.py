import unittest

from cards import fold, parse_line, unfold


class FoldingTest(unittest.TestCase):
    def test_short_lines_stay(self):
        self.assertEqual(fold(b"FN:Ada\n"), b"FN:Ada\r\n")

    def test_long_lines_are_split_at_75_octets(self):
        folded = fold(b"NOTE:" + b"x" * 100 + b"\r\n")
        self.assertEqual(folded, b"NOTE:" + b"x" * 70 + b"\r\n " + b"x" * 30 + b"\r\n")

    def test_unfold_undoes_fold(self):
        line = b"NOTE:" + b"y" * 300 + b"\r\n"
        self.assertEqual(unfold(fold(line)), line)


class PropertyTest(unittest.TestCase):
    def test_parameters(self):
        parsed = parse_line("tel;type=home:+1 2")
        self.assertEqual((parsed.name, parsed.value, parsed.parameters), ("TEL", "+1 2", {"TYPE": "home"}))
