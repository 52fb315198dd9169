"""The documents lead somewhere and their examples can be read."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest
from django.core.management import get_commands

import shop_recs
from shop_recs.registry import algorithm_names, recommender

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
names = [str(page.relative_to(ROOT)) for page in PAGES]


def anchors(page: Path) -> set[str]:
    """The headings of a page as they are linked to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_link_inside_the_project_leads_somewhere(page):
    for link in LINK.findall(page.read_text()):
        if not link.startswith("http"):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_example_in_python_can_be_parsed(page):
    for example in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        ast.parse(example)


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_command_named_exists(page):
    named = set(re.findall(r"\b(recs_\w+)", page.read_text()))
    assert named <= {name for name, app in get_commands().items() if app == "shop_recs"}


def test_every_check_is_listed_once_with_the_operations():
    page = (ROOT / "docs" / "operations.md").read_text()
    listed = re.findall(r"^\| `(shop_recs\.[EW]\d{3})` \|", page, re.MULTILINE)
    folder = Path(shop_recs.__file__).parent / "checks"
    code = "".join(path.read_text() for path in folder.glob("*.py"))
    assert sorted(listed) == sorted(set(re.findall(r'id="(shop_recs\.\w+)"', code)))


@pytest.mark.training
@pytest.mark.parametrize("algorithm", algorithm_names())
def test_every_option_is_described_with_its_default(algorithm):
    described = described_options((ROOT / "docs" / "models.md").read_text(), algorithm)
    options = {field.name: field.default for field in fields(recommender(algorithm, {}))}
    assert options.keys() <= described.keys()
    numbers = {name: default for name, default in options.items() if not isinstance(default, str | None)}
    assert {name: float(described[name]) for name in numbers} == numbers
    words = {name: default for name, default in options.items() if isinstance(default, str)}
    assert {name: described[name] for name in words} == words


def described_options(page: str, algorithm: str) -> dict[str, str]:
    """Option to default, as the tables of options say it for this algorithm."""
    described: dict[str, str] = {}
    for other in re.findall(rf"^\| `{algorithm}` \| like `(\w+)`", page, re.MULTILINE):
        described |= described_options(page, other)
    _, _, table = page.partition(f"| `{algorithm}` | default | |\n")
    for line in table.partition("\n\n")[0].splitlines()[1:]:
        names, default, words = (cell.strip() for cell in line.strip("|").split(" | "))
        defaults = default.split(", ")
        for place, name in enumerate(re.findall(r"`(\w+)`", names)):
            referred = re.match(r"as of `(\w+)`", words)
            if referred and not default:
                described[name] = described_options(page, referred[1])[name]
            else:
                described[name] = defaults[place]
    return described


def test_the_changelog_knows_the_version():
    assert f"## [{shop_recs.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
