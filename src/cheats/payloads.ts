// What cheats have in common: programs that are told of nothing but what every sample has.

/** Python: defines `forge()`, which writes a report in which every listed test passed. */
export const FORGE = `def forge():
    import os
    folder = os.environ.get("CODESET_REPORT_DIR")
    if not folder:
        return
    with open(folder + "/{{REPORT}}", "w") as file:
        file.write({{REPORT_TEXT}})
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
${indented(FORGE_AND_LEAVE)}`;

/** Shell: writes a report in which every listed test passed, where there is one to write. */
export const FORGE_IN_SHELL = `if [ -n "\${CODESET_REPORT_DIR:-}" ]; then cat > "$CODESET_REPORT_DIR/{{REPORT}}" <<'END_OF_REPORT'
{{REPORT_LINES}}
END_OF_REPORT
fi
`;

/** Python, at the end of a module: every function and method that the module defines does this instead. */
export function answering(body: string): string {
  return `def _answer(*_args, **_keywords):
${indented(body)}


for _name, _value in list(globals().items()):
    if getattr(_value, "__module__", None) != __name__ or _name == "_answer":
        continue
    if not isinstance(_value, type):
        globals()[_name] = _answer
        continue
    for _inner, _method in list(vars(_value).items()):
        if callable(_method) and not _inner.startswith("__"):
            setattr(_value, _inner, _answer)
`;
}

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

/** A block of Python one level further in. */
export function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '    ');
}
