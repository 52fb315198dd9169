"""The training process that `runner` starts; it gets its lease on standard input."""

from __future__ import annotations

import json
import os
import sys
import threading
import uuid

NICENESS = 10
PARENT_IS_GONE = 6


def main() -> int:
    """Train what the first line of standard input names; returns the exit code."""
    payload = json.loads(sys.stdin.readline())
    threading.Thread(target=_exit_with_the_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    import django

    django.setup()

    from django.db import connection

    from shop_recs.training.child import run
    from shop_recs.training.lease import Lease

    connection.settings_dict["NAME"] = payload["database"]
    return run(Lease(payload["version"], uuid.UUID(payload["lease"])), full=payload["full"])


def _exit_with_the_parent() -> None:
    """Standard input ends when the parent does, however it died; nobody would look after us then."""
    while sys.stdin.read(1):
        pass
    os._exit(PARENT_IS_GONE)


if __name__ == "__main__":
    sys.exit(main())
