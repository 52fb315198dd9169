"""Real logs from the file to lists over HTTP; small here, whole by `make real`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.running import new_shop

pytestmark = [pytest.mark.real_data, pytest.mark.training]


@pytest.mark.parametrize(("log", "lines"), [("retail", 20_000), ("tmall", 25_000)])
def test_a_real_log_ends_as_lists_on_the_page(
    shop_data: Path, monkeypatch: pytest.MonkeyPatch, log: str, lines: int
) -> None:
    monkeypatch.setenv("SHOP_RECS_DATA", str(shop_data))
    with new_shop(f"test_real_{log}", "real", log, "--lines", str(lines), "--port", "0", "--stay") as shop:
        shop.start(patience=240)
        active = shop.query("SELECT algorithm FROM shop_recs_activemodel ORDER BY 1")
        ((stored,),) = shop.query("SELECT count(*) FROM shop_recs_interaction")
        said = shop.said
    assert active == [("als",), ("item_knn",), ("popular",), ("sasrec",)]
    assert f"{stored:,} stored, 0 there already, 0 refused, 0 of unknown products" in said
    # Six recommendations for each of three shoppers and six similar items, all on the page and in the API.
    assert len(re.findall(r"^ +[1-6]\. \S", said, re.MULTILINE)) == 24
