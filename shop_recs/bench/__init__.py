"""Measures the app on the machine where it runs, each time beside a floor of the same run."""
