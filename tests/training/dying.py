"""Publishes that kill themselves: reads numbers and dies, each time, before the statement of that number.

Savepoints and commits count as statements. Each death is that of a fork, so that Django starts once; its exit
code is the answer, and a publish that lived through all its statements answers with their number.
"""

from __future__ import annotations

import os
import signal
import sys


class Fuse:
    """Counts statements and ends the process, as `kill -9` does, before the one that is one too many."""

    def __init__(self, statements):
        self.left = statements

    def burn(self):
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1

    def before_statement(self, execute, sql, params, many, context):
        self.burn()
        return execute(sql, params, many, context)

    def before(self, call):
        def called(*args, **kwargs):
            self.burn()
            return call(*args, **kwargs)

        return called


def die(database, store, statements):
    """Publish, and end as `kill -9` does before the statement that is one too many."""
    import psycopg
    from django.db import connection

    from shop_recs.conf import get_product_model
    from shop_recs.training import partitions
    from tests.training import conftest

    # Each look for readers is a statement, and one of them may be the publish killed before.
    partitions.READERS_SECONDS = 0.0
    connection.settings_dict["NAME"] = database
    products = list(get_product_model()._default_manager.order_by("pk"))
    fuse = Fuse(statements)
    psycopg.Cursor.copy = fuse.before(psycopg.Cursor.copy)
    connection.commit = fuse.before(connection.commit)
    with connection.execute_wrapper(fuse.before_statement):
        getattr(conftest, store)("als", products)
    os._exit(statements - fuse.left)


def main(database, store):
    import django

    django.setup()
    # What the children import, too, so that it is done once.
    import tests.training.conftest  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            die(database, store, int(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
