"""A node leaves config.yaml, and nothing else changes."""

import pytest

from tiovivo_deploy import config_file
from tiovivo_deploy.inventory import UsageError

CONFIG = """\
# the cluster
nodes:
  server-2: { role: child, address: 192.0.2.18 }   # rack a
  # the slow one
  server-3:
    role: child
    # its address
    address: 192.0.2.19

  server-4: { role: child, address: 192.0.2.20 }
pools: { web: { names: [a.example] } }
"""


def write(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("server-2", ["  server-2: { role: child, address: 192.0.2.18 }   # rack a\n"]),
        ("server-4", ["  server-4: { role: child, address: 192.0.2.20 }\n"]),
    ],
)
def test_the_lines_of_a_node_go(tmp_path, name, gone):
    expected = "".join(line for line in CONFIG.splitlines(True) if line not in gone)
    assert config_file.without_node(write(tmp_path, CONFIG), name) == expected


def test_a_node_of_several_lines_goes_whole_before_its_first_comment(tmp_path):
    text = CONFIG.replace("    # its address\n", "")
    left = config_file.without_node(write(tmp_path, text), "server-3")
    assert "server-3" not in left and "192.0.2.19" not in left and "server-4" in left


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nodes: { a: { role: dns }, b: { role: dns } }", "shares its line"),
        ("nodes:\n  b: 1\n", "nodes has no a"),
        ("pools: 1", "nodes"),
        ("a: [", "config.yaml"),
    ],
)
def test_what_is_not_that_easy_is_refused(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        config_file.without_node(write(tmp_path, text), "a")


def test_the_file_as_it_was_stays_beside_it(tmp_path):
    path = write(tmp_path, CONFIG)
    config_file.replace(path, "new\n")
    assert (tmp_path / "config.yaml").read_text() == "new\n"
    assert (tmp_path / "config.yaml.before").read_text() == CONFIG
