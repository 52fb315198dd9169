"""The borders between the layers: who imports what, and what a web process never loads."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import shop_recs

PACKAGE = Path(shop_recs.__file__).parent
HEAVY = (
    "torch",
    "implicit",
    "scipy",
    "sklearn",
    "onnx",
    "safetensors",
    "pyarrow",
    "threadpoolctl",
    "matplotlib",
)

WEB_PROCESS = f"""
import sys
import django
django.setup()
from django.contrib import admin
from django.template import engines
from django.urls import get_resolver
from django.core import checks
checks.run_checks()
assert get_resolver().url_patterns and get_resolver().reverse_dict is not None
engines["django"].from_string("{{% load shop_recs %}}")
assert any(model.__module__.startswith("shop_recs.") for model in admin.site._registry)
import shop_recs
for name in shop_recs.__all__:
    getattr(shop_recs, name)
loaded = sorted(set({HEAVY!r}) & set(sys.modules))
sys.exit(f"a web process loads {{loaded}}" if loaded else 0)
"""

ALGORITHMS_ALONE = """
import sys
from pkgutil import walk_packages
from importlib import import_module
import shop_recs.algorithms
for module in walk_packages(shop_recs.algorithms.__path__, "shop_recs.algorithms."):
    import_module(module.name)
sys.exit("the algorithms load Django" if "django" in sys.modules else 0)
"""

SERVICES = {"serving", "training", "tracking"}
EDGES = {
    "admin",
    "api",
    "bench",
    "checks",
    "contrib",
    "management",
    "middleware",
    "receivers",
    "tasks",
    "templatetags",
    "widgets",
}
STORAGE = {"models", "conf", "registry", "exceptions"}

FORBIDDEN = {
    "algorithms": SERVICES | EDGES | STORAGE,
    "models": SERVICES | EDGES | {"algorithms"},
    "serving": EDGES | {"training"},
    "training": (EDGES - {"tasks"}) | {"serving"},
    "tracking": EDGES | {"training", "algorithms"},
}
"""Layer to what it must not import; a request for a training hands itself to `tasks`."""


def run(code: str, **environment: str) -> None:
    outer = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=outer | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def modules(folder: str = "") -> list[Path]:
    return sorted((PACKAGE / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """The dotted names that a module imports, at any depth of it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_a_web_process_loads_nothing_that_only_training_needs():
    run(WEB_PROCESS, DJANGO_SETTINGS_MODULE="tests.settings")


@pytest.mark.training
def test_the_algorithms_work_without_django():
    pytest.importorskip("torch")
    run(ALGORITHMS_ALONE)


def test_the_algorithms_import_no_django():
    roots = {name.partition(".")[0] for path in modules("algorithms") for name in imports(path)}
    assert "numpy" in roots
    assert not roots & {"django", "rest_framework", "celery", "psycopg", "pgvector"}


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_a_layer_imports_none_above_or_beside_it(layer):
    crossings = [
        (str(path.relative_to(PACKAGE)), name)
        for path in modules(layer)
        for name in imports(path)
        if name.startswith("shop_recs.") and name.split(".")[1] in FORBIDDEN[layer]
    ]
    assert crossings == []


def test_heavy_libraries_are_imported_by_algorithms_alone():
    elsewhere = [
        (str(path.relative_to(PACKAGE)), name)
        for path in modules()
        for name in imports(path)
        if name.partition(".")[0] in {"torch", "implicit", "scipy", "sklearn"}
        and path.relative_to(PACKAGE).parts[0] != "algorithms"
    ]
    assert elsewhere == []


def test_every_module_says_what_it_is_for_in_one_sentence():
    for path in modules():
        text = path.read_text()
        if text.strip() and "migrations" not in path.parts:
            first = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
            assert first.endswith((".", "`", "?")), f"{path} begins with {first!r}"


def test_nothing_is_unpickled_in_the_package():
    for path in modules():
        assert not {"pickle", "joblib", "dill", "shelve"} & {name.partition(".")[0] for name in imports(path)}
