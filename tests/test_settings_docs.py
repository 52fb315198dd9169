"""The page on settings says what the code says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from shop_recs.conf import Defaults, setting_names

PAGE = (Path(__file__).parent.parent / "docs" / "settings.md").read_text()
ENTRY = re.compile(
    r"^### `(?P<name>\w+)`\n\nDefault:(?: `(?P<line>[^\n]+)`|\n\n```python\n(?P<block>.*?)```)", re.M | re.S
)


def test_every_setting_is_described_once_with_its_default():
    entries = list(ENTRY.finditer(PAGE))
    described = {
        entry["name"]: ast.literal_eval((entry["line"] or entry["block"]).strip()) for entry in entries
    }
    assert described == {name: getattr(Defaults, name) for name in setting_names()}
    assert len(entries) == len(described) == PAGE.count("\n### ")


def test_every_default_has_words_in_the_code_too():
    source = ast.parse((Path(__file__).parent.parent / "shop_recs" / "conf.py").read_text())
    (defaults,) = [node for node in source.body if isinstance(node, ast.ClassDef) and node.name == "Defaults"]
    pairs = zip(defaults.body, defaults.body[1:], strict=False)
    explained = {
        node.target.id
        for node, following in pairs
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(following, ast.Expr)
        and isinstance(following.value, ast.Constant)
    }
    assert explained == set(setting_names())
