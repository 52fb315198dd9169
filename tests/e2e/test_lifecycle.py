"""Starting, stopping and starting again."""

from __future__ import annotations

import signal

import psutil
import pytest

from tests.e2e.running import RunningShop

pytestmark = pytest.mark.training


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all of them ended, some of them a moment after their parent."""
    _, alive = psutil.wait_procs(processes, timeout=5)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def named(processes: list[psutil.Process], word: str) -> psutil.Process:
    """The first process with a word in its command line."""
    return next(process for process in processes if word in process.cmdline())


def test_ctrl_c_ends_every_process_and_the_next_start_reuses_everything(shop: RunningShop) -> None:
    family = shop.family()
    words = {word for process in family for word in process.cmdline()}
    assert {"worker", "beat", "gunicorn"} <= words
    assert shop.stop(signal.SIGINT) == 0
    assert gone(family)
    shop.start(patience=60)
    assert "Seeding" not in shop.said
    assert "Training" not in shop.said
    assert shop.seconds < 30


def test_a_child_that_dies_ends_the_shop_with_a_reason(shop: RunningShop) -> None:
    family = shop.family()
    named(family, "beat").kill()
    assert shop.process is not None
    assert shop.process.wait(timeout=40) == 1
    assert "The beat ended with status -9" in shop.said
    assert gone(family)
    shop.start(patience=60)


def test_a_second_shop_in_the_same_folder_is_refused(shop: RunningShop) -> None:
    second = RunningShop(shop.folder, shop.database, shop.command, log_name="second.out")
    with pytest.raises(AssertionError, match="already; stop it first"):
        second.start(patience=60)
