"""No API."""
