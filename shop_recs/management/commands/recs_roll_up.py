"""Count what is popular, trending, bought again and bought together."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand

from shop_recs.rollups.orders import roll_up_orders
from shop_recs.rollups.scores import roll_up_intervals, roll_up_scores


class Command(BaseCommand):
    """Count what is popular, trending, bought again and bought together."""

    help = "Count what is popular, trending, bought again and bought together; nothing is learned."

    def handle(self, *args: Any, **options: Any) -> None:
        for what, roll_up in (
            ("popular and trending", roll_up_scores),
            ("bought again", roll_up_intervals),
            ("bought together, also bought", roll_up_orders),
        ):
            started = time.monotonic()
            roll_up()
            self.stdout.write(f"{what}: {time.monotonic() - started:.1f} s")
