"""Which tests stay together where several processes share the suite: each has a database of its own."""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadFileScheduling


class InFiles(LoadFileScheduling):
    """By files, in which fixtures are shared; all that is asked of the running shop is one of them."""

    def __init__(self, config: Any, log: Any) -> None:
        super().__init__(config, log)
        # The files of many tests are not those that take long.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        of_the_shop = file.startswith("tests/e2e/") and "real_data" not in file
        return "tests/e2e" if of_the_shop else file
