"""The environment of the application: /etc/tiovivo-app/env, lines KEY="value".

Each process reads the file itself when it starts, so a changed value needs no more than a reload.
"""

import os
import shlex

ENV_FILE = os.environ.get("TIOVIVO_ENV_FILE", "/etc/tiovivo-app/env")
MAX_OCTETS = 1 << 20


def read(path=ENV_FILE):
    """The pairs of the file; a line that is neither a comment nor KEY=value is an error."""
    with open(path, encoding="utf-8") as file:
        text = file.read(MAX_OCTETS)
    pairs = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.isidentifier():
            raise ValueError(f"{path}, line {number}: write KEY=value")
        words = shlex.split(value)
        pairs[key] = " ".join(words)
    return pairs


def apply(path=ENV_FILE):
    """Puts the pairs into this process's environment, and the settings of the project behind ours."""
    os.environ.update(read(path))
    os.environ["DJANGO_SETTINGS_MODULE"] = "tiovivo_app.settings"
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
