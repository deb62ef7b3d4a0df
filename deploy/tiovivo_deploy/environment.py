"""Lines KEY=value: those of the operator's `env_file`, and those of /etc/tiovivo-app/env on nodes."""

import os
from pathlib import Path

from tiovivo_deploy.inventory import UsageError

LIMIT_OCTETS = 1 << 20
# Decided by the cluster: an own value would part the nodes from each other.
RESERVED = ("TIOVIVO_", "DJANGO_SETTINGS_MODULE")


def read_env_file(path: Path) -> dict[str, str]:
    """The pairs of the file. All faults are told at once, with their lines; values never are."""
    try:
        with open(path, encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise UsageError(f"{path}: others may read it; chmod 600 {path}")
            text = file.read(LIMIT_OCTETS + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from error
    if len(text) > LIMIT_OCTETS:
        raise UsageError(f"{path}: more than {LIMIT_OCTETS} octets")
    pairs: dict[str, str] = {}
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.removeprefix("export ").partition("=")
        key, value = key.strip(), value.strip()
        fault = _fault(key, equals, value, pairs)
        if fault:
            faults.append(f"{path}:{number}: {fault}")
        if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]:
            value = value[1:-1]
        pairs[key] = value
    if faults:
        raise UsageError("\n".join(faults))
    return pairs


def _fault(key: str, equals: str, value: str, before: dict[str, str]) -> str | None:
    if not equals or not (key.isascii() and key.isidentifier()):
        return "no KEY=value; write a name of letters, digits and _, then = and the value"
    if key.startswith(RESERVED):
        return f"{key} is decided by the cluster; take the line away"
    if key in before:
        return f"{key} stands here for the second time"
    if not value.isprintable():
        return f"the value of {key} holds a control character"
    return None


def format_environment(pairs: dict[str, str]) -> str:
    """As systemd and shells read it, a pair a line."""
    lines = ["# Laid by deploy/up."]
    for key in sorted(pairs):
        value = pairs[key].replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'{key}="{value}"')
    return "\n".join(lines) + "\n"
