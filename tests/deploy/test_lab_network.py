"""The address plan of a lab."""

import pytest

from tiovivo_deploy.lab import network
from tiovivo_deploy.lab.errors import LabError
from tiovivo_deploy.lab.places import Places


def node(name, *addresses, private=()):
    return {"name": name, "addresses": list(addresses), "private": list(private)}


def test_private_addresses_get_one_network_no_narrower_than_24_bits():
    nodes = [
        node("a", "192.0.2.1", private=["10.0.1.7"]),
        node("b", "192.0.2.2", private=["10.0.1.9"]),
    ]
    networks = network.plan(nodes, None)
    assert networks.private == {"a": ["10.0.1.7/24"], "b": ["10.0.1.9/24"]}
    assert networks.public["a"] == ["192.0.2.1/32"]
    assert networks.control == ["10.0.1.254/24"]


def test_the_network_grows_until_it_holds_every_node_and_the_mother_address():
    nodes = [node("a", "192.0.2.1", private=["10.0.1.254"])]
    networks = network.plan(nodes, "10.0.0.10")
    assert networks.private["a"] == ["10.0.1.254/23"]
    # The highest address is the node's own.
    assert networks.control == ["10.0.1.253/23"]


def test_both_families_are_planned_apart():
    nodes = [node("a", "192.0.2.1", "2001:db8::1", private=["10.0.0.1", "fd00::1"])]
    networks = network.plan(nodes, None)
    assert networks.public["a"] == ["192.0.2.1/32", "2001:db8::1/128"]
    assert networks.private["a"] == ["10.0.0.1/24", "fd00::1/64"]
    assert len(networks.control) == 2


def test_a_node_may_have_no_private_address():
    networks = network.plan([node("a", "192.0.2.1")], None)
    assert networks.private["a"] == []
    assert networks.control == []


def test_addresses_without_a_common_network_are_refused():
    nodes = [
        node("a", "192.0.2.1", private=["10.0.0.1"]),
        node("b", "192.0.2.2", private=["192.168.0.1"]),
    ]
    with pytest.raises(LabError, match="no common network"):
        network.plan(nodes, None)


def test_interfaces_have_short_names_that_differ():
    names = {network.device("p", f"server-{number}") for number in range(500)}
    assert len(names) == 500
    assert all(len(name) <= 15 for name in names)


def test_a_hardware_address_is_a_private_unicast_one():
    first = int(network.mac("lab", "p", "server-2").split(":")[0], 16)
    assert first & 0b11 == 0b10


@pytest.mark.parametrize("name", ["", "-a", "a" * 17, "A", "a/b", ".."])
def test_a_bad_name_of_a_lab_is_refused(name):
    with pytest.raises(LabError):
        Places(name)
