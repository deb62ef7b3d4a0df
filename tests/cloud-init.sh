#!/usr/bin/env bash
# User data of `tiovivo inventory --format cloud-init`: cloud-init's own schema takes it for every role,
# and machines of Debian 12 and 13 that boot with it as their NoCloud seed let deploy/up in.
#
# cloud-init is installed into the machines alone: on this one it would do its work at the next boot.
# Needs root.
#   TIOVIVO                     the program: target/release/tiovivo or target/debug/tiovivo
#   TIOVIVO_CLOUD_INIT_KEEP=1   leave everything running at the end, and say where
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/containers.sh
. tests/containers.sh
export LC_ALL=C.UTF-8

readonly net=10.153.54
readonly space=tiovivo-cloud
work=$(mktemp -d /var/tmp/tiovivo-cloud-init.XXXXXX)

main() {
    local why
    why=$(containers_obstacle)
    if [ -n "$why" ]; then
        skip "cloud-init: $why"
        return
    fi
    trap 'cleanup "${TIOVIVO_CLOUD_INIT_KEEP:-}"' EXIT
    trap 'exit 130' INT TERM
    step packages
    need_packages systemd-container mmdebstrap apt-cacher-ng iproute2 openssh-client curl binutils \
        python3-venv || { fail "Debian's packages can be installed"; return; }
    check "there is a program that prints user data" use_program || return
    step "minimal systems with cloud-init"
    check "a network of the test's own" make_network || return
    check "a cache of Debian's packages starts" start_cache || return
    check "minimal Debian 12 and 13" make_trees || return
    write_clusters
    step schema
    schema
    step "machines boot"
    boot_machine server-2 root bookworm 21
    boot_machine ns1 admin trixie 53
    if ! can_boot server-2; then
        skip "cloud-init: this machine boots no containers: $(tail -n 1 "$work/nodes/server-2.log")"
        return
    fi
    for name in server-2 ns1; do
        check "$name is done with its seed" wait_for 120 is_seeded $name || return
    done
    check "server-2 lets root in, on port 22" lets_in server-2 root
    check "ns1 lets admin in, on port 2222, who may become root" lets_in ns1 admin
    check "ns1 keeps root out" keeps_root_out ns1
    check "ns1 has no password for admin" on_seeded ns1 'sudo grep -q "^admin:[!*]" /etc/shadow'
    check "ns1 has the file of sshd's port" on_seeded ns1 'grep -qx "Port 2222" /etc/ssh/sshd_config.d/50-port.conf'
    for name in server-2 ns1; do
        check "$name has its name" test "$(on_seeded $name hostname)" = $name
    done
    check "deploy/up finds out what server-2 lacks" would_install server-2 root
    check "deploy/up finds out what ns1 lacks" would_install ns1 admin
}

# --- schema ----------------------------------------------------------------------------------------

schema() {
    local node user
    for user in root admin; do
        for node in server-1 server-1.1 server-2 video-1 ns1; do
            check "the schema takes the user data of $node, for the user $user" takes "$user" $node
        done
    done
    printf '#cloud-config\nhostname: 7\n' >"$work/bookworm/root/user-data"
    check "the schema refuses a wrong value" refuses_schema
    printf '#cloud-config\nhostnam: x\n' >"$work/bookworm/root/user-data"
    check "the test itself finds an unknown key" refuses_keys
}

takes() {
    user_data "$1" "$2" >"$work/bookworm/root/user-data" && by_schema && by_keys
}

user_data() { tiovivo inventory --config "$work/$1/config.yaml" --format cloud-init "$2"; }
by_schema() { chroot "$work/bookworm" cloud-init schema --config-file /root/user-data; }
refuses_schema() { ! by_schema; }
refuses_keys() { ! by_keys; }

# cloud-init lets every unknown key at the top pass.
by_keys() {
    chroot "$work/bookworm" python3 - <<-'PYTHON'
	import json, pathlib, sys, yaml, cloudinit
	folder = pathlib.Path(cloudinit.__file__).parent / "config/schemas"
	parts = json.loads((folder / "schema-cloud-config-v1.json").read_text())["$defs"].items()
	known = {key for name, part in parts if name.startswith("cc_") for key in part.get("properties", {})}
	unknown = set(yaml.safe_load(open("/root/user-data"))) - known
	sys.exit(f"unknown keys: {unknown}" if unknown else 0)
	PYTHON
}

# --- the clusters ----------------------------------------------------------------------------------

# The same nodes twice: reached as root on port 22, and as another user on another port.
write_clusters() {
    local user
    for user in root admin; do
        mkdir -p "$work/$user/zones" "$work/$user/site"
        cat >"$work/$user/zones/midominio.com.zone" <<-ZONE
	\$ORIGIN midominio.com.
	\$TTL 1h
	@ IN SOA ns1 hostmaster 1 14400 3600 1209600 300
	@ IN NS ns1
	ns1 IN A $net.53
	ZONE
        cp "$work/key" "$work/key.pub" "$work/$user/"
        write_config $user >"$work/$user/config.yaml"
    done
}

write_config() {
    local port=22
    [ "$1" = root ] || port=2222
    cat <<-YAML
	server: { listen: [127.0.0.1:5300], state: state }
	zones: [{ apex: midominio.com, file: zones/midominio.com.zone }]
	pools:
	  web:
	    names: [midominio.com]
	    members: { role: child }
	    check: { http: { port: 80, path: /health }, every: 1s, timeout: 500ms }
	nodes:
	  server-1: { role: mother, address: $net.11, private: $net.11 }
	  server-1.1: { role: standby, address: $net.12, private: $net.12 }
	  server-2: { role: child, address: $net.21, private: $net.21 }
	  video-1: { role: worker, address: $net.31, private: $net.31 }
	  ns1: { role: dns, address: $net.53, private: $net.53 }
	deploy:
	  ssh: { user: $1, port: $port, key: key }
	  mother_address: $net.10
	  application: { source: site, settings: site.settings, wsgi: site.wsgi, hosts: [midominio.com] }
	  database: { name: site }
	YAML
}

# --- machines --------------------------------------------------------------------------------------

make_trees() {
    ssh-keygen -q -t ed25519 -N '' -f "$work/key" || return 1
    mkdir -p "$work/nodes"
    local release jobs=()
    for release in bookworm trixie; do
        make_tree $release "$work/$release" systemd systemd-sysv dbus openssh-server iproute2 sudo \
            python3 cloud-init &
        jobs+=($!)
    done
    wait "${jobs[0]}" && wait "${jobs[1]}" || return 1
    for release in bookworm trixie; do
        # As in a provider's image: the network is cloud-init's to set, the locale is there, and each
        # machine makes its host keys.
        chroot "$work/$release" systemctl enable --quiet systemd-networkd.service ssh.service || return 1
        rm -f "$work/$release/lib/systemd/network/80-container-host0.network"
        printf 'locale: false\n' >"$work/$release/etc/cloud/cloud.cfg.d/01_image.cfg"
        rm -f "$work/$release"/etc/ssh/ssh_host_*
    done
}

# boot_machine NAME USER RELEASE LAST: with the user data of that cluster as its seed.
boot_machine() {
    local root=$work/nodes/$1 seed=$work/nodes/$1/var/lib/cloud/seed/nocloud
    cp -a --reflink=auto "$work/$3" "$root"
    mkdir -p "$seed"
    user_data "$2" "$1" >"$seed/user-data"
    printf 'instance-id: %s\n' "$1" >"$seed/meta-data"
    printf 'version: 2\nethernets: { host0: { addresses: [%s.%s/24] } }\n' $net "$4" >"$seed/network-config"
    boot "$1" "$net.$4" "$root"
}

on_seeded() {
    case $1 in
    ns1) on_user=admin on_port=2222 on "$@" ;;
    *) on "$@" ;;
    esac
}

is_seeded() { on_seeded "$1" 'timeout 100 cloud-init status --wait --long' | tee /dev/stderr | grep -qx 'status: done'; }
lets_in() { [ "$(on_seeded "$1" 'id -un; sudo -n id -un')" = "$2"$'\n'root ]; }
# shellcheck disable=SC2016 # the machine's own shell
keeps_root_out() { ! on_user=root on_port=2222 on "$1" 'echo as $(id -u)' | grep -qx 'as 0'; }

would_install() {
    deploy/up --config "$work/$2/config.yaml" --dry --only "$1" | tee "$work/up.log"
    grep -q "^$1 .* would change " "$work/up.log" && grep -q 'would change: firewall rules' "$work/up.log"
}

main
verdict cloud-init
