"""What a name server gets."""

import pytest
from ruamel.yaml import YAML

from tiovivo_deploy import dns_files, inventory
from tiovivo_deploy.inventory import Node, UsageError

NODE = Node("ns1", "dns", ["192.0.2.53"], ["10.77.0.53"])


def server(text):
    laid = dns_files.server_text(text.encode(), NODE, "/run/c", "config.yaml")
    return YAML().load(laid)


def test_keys_of_the_machine_are_set_and_the_deploy_keys_left_out():
    laid = server(
        "server: { listen: [127.0.0.1:5300], state: state }\ndeploy: { a: b }\nzones: []\n"
    )
    assert dict(laid["server"]) == {
        "state": "/var/lib/tiovivo",
        "token_file": "/run/c/token",
        "cookie_secret_file": "/run/c/cookie-secret",
        "nsid": "ns1",
    }
    assert "deploy" not in laid and "zones" in laid


def test_an_address_for_everybody_and_a_name_of_the_operator_stay():
    laid = server('server: { listen: ["192.0.2.53:53", "127.0.0.1:53"], nsid: fra }\n')
    assert laid["server"]["listen"] == ["192.0.2.53:53", "127.0.0.1:53"]
    assert laid["server"]["nsid"] == "fra"


def test_a_config_without_server_gets_one():
    assert server("zones: []\n")["server"]["nsid"] == "ns1"


@pytest.mark.parametrize("text", ["server: [", "server: 1", "- a", ""])
def test_what_is_no_configuration_is_refused(text):
    with pytest.raises(UsageError):
        server(text)


def test_files_keep_their_place_below_the_folder(tmp_path):
    (tmp_path / "zones").mkdir()
    (tmp_path / "zones" / "a.zone").write_text("zone")
    (tmp_path / "config.yaml").write_text("zones: []\n")
    cluster = inventory.Cluster(
        config=str(tmp_path / "config.yaml"),
        folder=str(tmp_path),
        files=[str(tmp_path / "config.yaml"), str(tmp_path / "zones" / "a.zone")],
        nodes=[NODE],
        ssh=inventory.Ssh(),
    )
    laid = dns_files.config_files(cluster, NODE, "/etc/tiovivo", "/run/c")
    # The server looks at config.yaml, so what it names comes before.
    assert [file.path for file in laid] == [
        "/etc/tiovivo/zones/a.zone",
        "/etc/tiovivo/config.yaml",
    ]


def test_a_file_outside_of_the_folder_is_refused():
    cluster = inventory.Cluster("/c/config.yaml", "/c", ["/d/a.zone"], [NODE], inventory.Ssh())
    with pytest.raises(UsageError, match="not below /c"):
        dns_files.config_files(cluster, NODE, "/etc/tiovivo", "/run/c")
