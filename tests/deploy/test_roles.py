"""Texts that the roles lay."""

from types import SimpleNamespace

import pytest

from roles import base, mounts, web
from tiovivo_deploy import inventory
from tiovivo_deploy.inventory import Application, Node

NODES = [
    Node("server-1", "mother", ["192.0.2.17"], ["10.77.0.17"]),
    Node("server-2", "child", ["192.0.2.18", "2001:db8::18"], ["10.77.0.18"]),
    Node("ns1", "dns", ["192.0.2.53"], []),
]


def job(node, **application):
    cluster = inventory.Cluster(
        "/c/config.yaml",
        "/c",
        [],
        NODES,
        inventory.Ssh(port=2222),
        mother_address="10.77.0.10",
        application=Application({"folder": "/s"}, "a.settings", "a.wsgi", **application),
    )
    return SimpleNamespace(cluster=cluster, node=node)


@pytest.mark.parametrize(
    ("node", "ports"),
    [
        (NODES[0], "tcp dport { 2222 } accept"),
        (NODES[1], "tcp dport { 80, 443, 2222 } accept"),
        (NODES[2], "tcp dport { 53, 443, 853, 2222 } accept"),
    ],
)
def test_only_what_a_role_serves_is_open_to_everybody(node, ports):
    assert ports in base.firewall_rules(job(node))


def test_every_address_of_the_cluster_passes():
    rules = base.firewall_rules(job(NODES[0]))
    elements = "10.77.0.10, 10.77.0.17, 10.77.0.18, 192.0.2.17, 192.0.2.18, 192.0.2.53"
    assert f"elements = {{ {elements} }}" in rules
    assert "elements = { 2001:db8::18 }" in rules
    assert "@" not in rules.replace("@cluster4", "").replace("@cluster6", "")


def test_only_name_servers_leave_port_53_untracked():
    assert "udp dport 53 notrack" in base.firewall_rules(job(NODES[2]))
    assert "notrack" not in base.firewall_rules(job(NODES[1]))


def test_trees_are_those_that_the_application_has():
    paths = [tree.path for tree in mounts.trees_of(job(NODES[1], static=False))]
    assert paths == ["/srv/app", "/srv/media"]


def test_storage_of_another_kind_is_the_operators_own():
    tree = mounts.APP
    assert not mounts.is_foreign({}, tree)
    assert not mounts.is_foreign({"/srv/app": ("10.77.0.10:/srv/app", "nfs4")}, tree)
    assert mounts.is_foreign({"/srv/app": ("ceph", "ceph")}, tree)


def test_a_mount_unit_has_the_name_that_systemd_asks_of_its_path():
    assert mounts.unit_path(mounts.APP) == "/etc/systemd/system/srv-app.mount"
    assert "What=10.77.0.10:/srv/app\n" in mounts.mount_unit(mounts.APP, "10.77.0.10")


def test_nginx_serves_static_files_and_media_only_where_there_are_some():
    assert "location /static/" in web.site_text(job(NODES[1]))
    assert "location /media/" not in web.site_text(job(NODES[1], media=False))
    assert "@" not in web.site_text(job(NODES[1]))
