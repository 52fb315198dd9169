"""A small real shop that uses shop_recs exactly as a user would; also the bed of the end-to-end tests."""

from demo_shop.celery import app as celery_app

__all__ = ["celery_app"]
