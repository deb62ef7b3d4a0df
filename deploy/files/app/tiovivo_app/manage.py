"""A Django command of the current release: manage.py ARGUMENT…, as the user of the application."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tiovivo_app import environment, releases


def main(arguments):
    """Becomes the release's own Python first, then the project's command line."""
    environment.apply()
    release = os.environ.get("TIOVIVO_RELEASE") or releases.wanted("")
    if release is None:
        print("there is no release yet: deploy/release makes one", file=sys.stderr)
        return 1
    python = releases.APP / "releases" / release / "venv" / "bin" / "python"
    if os.environ.get("TIOVIVO_RELEASE") is None:
        os.environ["TIOVIVO_RELEASE"] = release
        os.execv(python, [str(python), os.path.abspath(__file__), *arguments])
    releases.pin(release, os.environ["TIOVIVO_SETTINGS"])
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", *arguments])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
