"""No lists."""
