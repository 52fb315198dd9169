"""System checks: what is wrong with settings, database and surroundings, and what to write instead."""

from shop_recs.checks import caches, database, host, settings

__all__ = ["caches", "database", "host", "settings"]
