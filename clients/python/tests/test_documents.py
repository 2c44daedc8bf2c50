"""Every program on the pages runs as it stands, and prints what the page says."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from conftest import ROOT

_BLOCK = re.compile(r"(?<!-->\n\n)^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)
_PAGES = ["docs/python.md", "clients/python/README.md"]
_PROGRAMS = [
    pytest.param(program, printed, id=f"{page} {number + 1}")
    for page in _PAGES
    for number, (program, printed) in enumerate(_BLOCK.findall((ROOT / page).read_text("utf-8")))
]


@pytest.mark.parametrize(("program", "printed"), _PROGRAMS)
def test_a_program_does_what_its_page_says(program: str, printed: str, sample: str) -> None:
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    if printed:
        assert ran.stdout == printed


def test_the_pages_have_programs() -> None:
    assert len(_PROGRAMS) >= 8
