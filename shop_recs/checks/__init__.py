"""System checks: what is wrong with settings, middleware, worker and database, and what to write instead."""

from shop_recs.checks import database, host, settings

__all__ = ["database", "host", "settings"]
