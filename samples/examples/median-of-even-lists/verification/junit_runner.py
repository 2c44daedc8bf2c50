"""Runs the unittest tests below a folder and writes what happened as JUnit XML.

Called as `junit_runner.py FOLDER [CANARY]`: the tests are the package FOLDER/tests, and last those of the file
CANARY; the code under test is in the folder that SUBJECT_WORKSPACE names, and the report goes to report.xml in the
folder that CODESET_REPORT_DIR names.
"""

import importlib.util
import os
import sys
import time
import traceback
import unittest
from xml.sax.saxutils import quoteattr


class Recorder(unittest.TestResult):
    """Keeps, for each test, how it ended and how long it took."""

    def __init__(self):
        super().__init__()
        self.cases = []
        self._outcome = None
        self._began = 0.0

    def startTest(self, test):
        super().startTest(test)
        self._outcome = None
        self._began = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        self.cases.append((test.id(), time.monotonic() - self._began, self._outcome))

    def _record(self, kind, text):
        self._outcome = self._outcome or (kind, text)

    def addError(self, test, err):
        super().addError(test, err)
        text = "".join(traceback.format_exception(*err))
        if self._outcome is None and isinstance(test, unittest.suite._ErrorHolder):
            self.cases.append((test.id(), 0.0, ("error", text)))
        self._record("error", text)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._record("failure", "".join(traceback.format_exception(*err)))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._record("failure", f"{subtest}\n" + "".join(traceback.format_exception(*err)))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._record("skipped", reason)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._record("failure", "passed, and was expected to fail")


def attribute(text):
    """A quoted XML attribute without characters that XML can't hold."""
    kept = "".join(c if c in "\t\n" or c >= " " and c not in "\ufffe\uffff" else "?" for c in text[:4000])
    return quoteattr(kept.encode("utf-8", "replace").decode("utf-8"))


def write(path, cases):
    lines = ['<?xml version="1.0" encoding="utf-8"?>', f'<testsuite name="unittest" tests="{len(cases)}">']
    for name, seconds, outcome in cases:
        classname, _, method = name.rpartition(".")
        lines.append(
            f'<testcase classname={attribute(classname)} name={attribute(method)} time="{seconds:.3f}">'
        )
        if outcome is not None:
            lines.append(f"<{outcome[0]} message={attribute(outcome[1])}/>")
        lines.append("</testcase>")
    lines.append("</testsuite>")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def tests_of(path):
    """The tests of one file, which lies in no package."""
    spec = importlib.util.spec_from_file_location(os.path.basename(path).removesuffix(".py"), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return unittest.defaultTestLoader.loadTestsFromModule(module)


def main():
    folder = sys.argv[1]
    # The hidden tests' package first; the code under test after the standard library's own.
    sys.path[:] = [folder, *[entry for entry in sys.path[1:]], os.environ["SUBJECT_WORKSPACE"]]
    suite = unittest.defaultTestLoader.discover(os.path.join(folder, "tests"), top_level_dir=folder)
    for canary in sys.argv[2:]:
        suite.addTest(tests_of(canary))
    recorder = Recorder()
    suite.run(recorder)
    write(os.path.join(os.environ["CODESET_REPORT_DIR"], "report.xml"), recorder.cases)
    for name, seconds, outcome in recorder.cases:
        print(f"{outcome[0].upper() if outcome else 'ok':8}{name} ({seconds:.3f} s)")
    return 0 if recorder.wasSuccessful() and recorder.cases else 1


if __name__ == "__main__":
    sys.exit(main())
