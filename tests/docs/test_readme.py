"""What the README promises: its program runs, its commands exist, its links lead somewhere."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs").glob("*/*.md")]
MOST_AGENT_LINES = 60


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("logos.drivers.model.reader") is None, reason="it is told with builtin/reader"
)
def test_the_ten_lines(url: str, tmp_path: Path) -> None:
    [program] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "LOGOS_HOME": str(tmp_path / "home"),
        "LOGOS_STORE_URL": url,
    }
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(r"macOS.*\(/home/CAVEATS\.md:\d+\)", ran.stdout), ran.stdout + ran.stderr


def test_the_commands_on_the_first_screen_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = re.findall(r"^    make (\w+)", README, re.MULTILINE)
    assert commands[:2] == ["demo", "test"]
    assert [one for one in commands if not re.search(rf"^{one}:", makefile, re.MULTILINE)] == []


def test_continuous_integration_runs_what_the_readme_says() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"^make test\b", ci, re.MULTILINE)
    assert re.search(r"^make check\b", ci, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if not link.startswith("http") and not (target.exists() and _has(target, anchor)):
            lost.append(link)
    assert lost == []


def _has(page: Path, anchor: str) -> bool:
    if not anchor:
        return True
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return anchor in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}


def test_the_rules_fit_on_a_page() -> None:
    rules = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
    assert len(rules.splitlines()) < MOST_AGENT_LINES
