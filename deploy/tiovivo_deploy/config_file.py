"""Takes a node's lines out of config.yaml, and leaves every other octet as it is."""

import os
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tiovivo_deploy.inventory import UsageError


def without_node(path: str, name: str) -> str:
    """The text without the lines of `nodes.NAME`. Refused in words where it is not that easy: a node on
    a line with others, or one that the file names elsewhere."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        nodes = YAML().load(text)["nodes"]
        names = list(nodes)
        lines = [nodes.lc.key(each)[0] for each in names]
    except (OSError, UnicodeDecodeError, YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: {error}") from error
    if name not in names:
        raise UsageError(f"{path}: nodes has no {name}")
    place = names.index(name)
    if lines.count(lines[place]) > 1 or nodes.fa.flow_style():
        raise UsageError(
            f"{path}:{lines[place] + 1}: {name} shares its line; give it one of its own"
        )
    first, column = nodes.lc.key(name)
    rows = text.splitlines(keepends=True)
    last = first + 1
    # Its own lines are those that stand deeper; comments and blank lines at the end stay.
    while last < len(rows) and _is_deeper(rows[last], column):
        last += 1
    return "".join(rows[:first] + rows[last:])


def _is_deeper(row: str, column: int) -> bool:
    bare = row.lstrip(" ")
    return bare.strip() != "" and not bare.startswith("#") and len(row) - len(bare) > column


def replace(path: str, text: str) -> None:
    """Puts the text in the file's place; what was there stays beside it as FILE.before."""
    target = Path(path)
    aside, before = (
        target.with_name(target.name + ".new"),
        target.with_name(target.name + ".before"),
    )
    try:
        before.write_bytes(target.read_bytes())
        aside.write_text(text, encoding="utf-8")
        os.chmod(aside, target.stat().st_mode & 0o7777)
        os.replace(aside, target)
    except OSError as error:
        raise UsageError(f"{path}: {error}") from error


def before(path: str) -> str:
    """Where `replace` keeps the file as it was."""
    return f"{path}.before"
