"""The inventory, as commands read it."""

import json

import pytest

from tiovivo_deploy import inventory
from tiovivo_deploy.inventory import UsageError

NODES = [
    {"name": "server-1", "role": "mother", "addresses": ["192.0.2.17"], "private": ["10.77.0.17"]},
    {"name": "server-2", "role": "child", "addresses": ["192.0.2.18"], "private": ["10.77.0.18"]},
    {"name": "server-3", "role": "child", "addresses": ["192.0.2.19"], "private": []},
    {"name": "ns1", "role": "dns", "addresses": ["192.0.2.53"], "private": ["10.77.0.53"]},
]


def said(**changes):
    whole = {
        "config": "/c/config.yaml",
        "folder": "/c",
        "files": ["/c/config.yaml"],
        "ssh": {"user": "root", "port": 22, "key": None},
        "mother_address": "10.77.0.10",
        "application": None,
        "nodes": NODES,
        "a key of a later version": 1,
    }
    return json.dumps(whole | changes)


def test_a_node_is_reached_by_its_private_address_or_else_the_public_one():
    cluster = inventory.parse(said(), "test")
    assert [node.address for node in cluster.nodes] == [
        "10.77.0.17",
        "10.77.0.18",
        "192.0.2.19",
        "10.77.0.53",
    ]


def test_addresses_within_the_cluster_include_the_virtual_one():
    assert "10.77.0.10" in inventory.parse(said(), "test").private_addresses


def test_nodes_are_selected_by_name_and_by_role_each_once():
    cluster = inventory.parse(said(), "test")
    names = [node.name for node in inventory.select(cluster, ["ns1,child", "server-2"])]
    assert names == ["ns1", "server-2", "server-3"]
    assert inventory.select(cluster, []) == cluster.nodes


def test_an_unknown_node_is_told_with_those_that_there_are():
    with pytest.raises(UsageError, match="no node server-9; config.yaml has server-1"):
        inventory.select(inventory.parse(said(), "test"), ["server-9"])


def test_a_cluster_without_deploy_keys_is_refused_in_words():
    with pytest.raises(UsageError, match="has no deploy: section"):
        inventory.parse(said(ssh=None), "test")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"ssh": {}}', '{"ssh": {}, "nodes": [{}]}'])
def test_anything_else_is_refused(text):
    with pytest.raises(UsageError):
        inventory.parse(text, "test")
