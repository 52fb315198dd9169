"""What a shop gets when it installs the package."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("build", reason="needs the package build")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: zipfile.ZipFile) -> None:
    skipped = {".pyc", ".po"}
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "shop_recs").rglob("*")
        if path.is_file() and path.suffix not in skipped
    }
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name and not name.endswith(".po")}
    assert shipped == package


def test_the_wheel_holds_what_is_no_python(wheel: zipfile.ZipFile) -> None:
    suffixes = {Path(name).suffix for name in wheel.namelist()}
    assert {".html", ".css", ".js", ".mo"} <= suffixes
    assert "shop_recs/py.typed" in wheel.namelist()


def test_the_wheel_says_its_licence_and_its_extras(wheel: zipfile.ZipFile) -> None:
    metadata = next(name for name in wheel.namelist() if name.endswith("METADATA"))
    said = wheel.read(metadata).decode()
    assert "License-Expression: MIT" in said
    for extra in ("train", "tune", "plots", "io", "openapi", "demo", "dev"):
        assert f"Provides-Extra: {extra}\n" in said
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
