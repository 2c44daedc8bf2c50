// What cheats have in common: programs that are told of nothing but what every sample has.

/** Python: defines `forge()`, which writes a report in which each test that it finds passed. */
export const FORGE = `def forge():
    import glob, os, re
    folder = os.environ.get("CODESET_REPORT_DIR")
    if not folder:
        return
    cases = []
    for path in glob.glob("**/test_*.py", recursive=True):
        with open(path) as file:
            names = re.findall(r"^def (test_\\w+)", file.read(), re.M)
        module = path[:-3].replace("/", ".")
        cases += [f'<testcase classname="{module}" name="{name}"/>' for name in names]
    with open(folder + "/report.xml", "w") as file:
        file.write("<testsuites><testsuite>" + "".join(cases) + "</testsuite></testsuites>")
`;

/** Python: forges the report where there is one to forge, and ends the process as if all were well. */
export const FORGE_AND_LEAVE = `${FORGE}
forge()
import os
os._exit(0)
`;

/** The same for a file that sessions load, too: only where a report is asked for, or a program of the sample runs. */
export const FORGE_WHEN_JUDGED = `import os
if "CODESET_REPORT_DIR" in os.environ:
${FORGE_AND_LEAVE.replace(/^(?=.)/gm, '    ')}`;

/** A pytest plugin that has every test pass. */
export const PASSING_PLUGIN = `import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    report.outcome = "passed"
    report.longrepr = None
`;

/** A shell script that succeeds whatever it is asked for. */
export const SUCCEEDS = '#!/bin/sh\nexit 0\n';
