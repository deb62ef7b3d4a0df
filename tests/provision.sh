#!/usr/bin/env bash
# deploy/up from nothing: minimal Debian 12 and 13 in containers that boot systemd (tests/containers.sh),
# packages by apt from inside. A child and a name server of each release, a worker of Debian 12, and a
# mother of Debian 13, which the test of the whole cluster has of Debian 12.
#
# The kernel of a container has no NFS: what the mother would serve is mounted from the machine
# (deploy/up leaves another kind of storage alone), and her NFS server is a unit that does nothing.
#
# Needs root.
#   TIOVIVO                    the program to install: target/release/tiovivo or target/debug/tiovivo
#   TIOVIVO_PROVISION_KEEP=1   leave everything running at the end, and say where
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/containers.sh
. tests/containers.sh
export LC_ALL=C.UTF-8

readonly net=10.153.53
readonly space=tiovivo-prov
# Name, role, release, last number of the address.
readonly NODES="server-1:mother:trixie:11 server-2:child:bookworm:21 server-3:child:trixie:22
    video-1:worker:bookworm:31 ns1:dns:bookworm:53 ns2:dns:trixie:54"
# A worker that is off.
readonly OFF=video-9
work=$(mktemp -d /var/tmp/tiovivo-provision.XXXXXX)

main() {
    local why
    why=$(containers_obstacle)
    if [ -n "$why" ]; then
        skip "provisioning from nothing: $why"
        return
    fi
    trap 'cleanup "${TIOVIVO_PROVISION_KEEP:-}"' EXIT
    trap 'exit 130' INT TERM
    step packages
    need_packages systemd-container mmdebstrap apt-cacher-ng iproute2 openssh-client bind9-dnsutils curl \
        binutils python3-venv || { fail "Debian's packages can be installed"; return; }
    check "there is a program to install" use_program || return
    step "minimal systems"
    check "a network of the test's own" make_network || return
    check "a cache of Debian's packages starts" start_cache || return
    check "minimal Debian 12 and 13" make_trees || return
    step "machines boot"
    boot_all || return
    write_cluster
    from_nothing
    everyday
}

# --- deploy/up ---------------------------------------------------------------------------------

up() { timeout 1500 deploy/up --config "$work/cluster/config.yaml" "$@"; }

from_nothing() {
    step "deploy/up --dry"
    check "a dry run tells what would change" up --dry --only dns,child
    cp "$check_output" "$work/dry.log"
    check "it changed nothing" no_node_has /etc/tiovivo-firewall.nft
    step "deploy/up, killed in the middle"
    check "a run is killed while packages are installed" kill_in_the_middle
    step "deploy/up again"
    check "the next run goes on from there, though a node is off" up_without_one
    check "it tells of that node after all others" node_is_told_last $OFF
    step "deploy/remove"
    check "the node that is off is taken out" deploy/remove --config "$work/cluster/config.yaml" $OFF
    cp "$check_output" "$work/told.log"
    check "config.yaml has it no more" lacks $OFF "$work/cluster/config.yaml"
    check "name servers and mother have forgotten it" lacks_everywhere $net.99
    step "deploy/up, with nothing to do"
    check "nothing changes" up
    cp "$check_output" "$work/nothing.log"
    check "its summary says so" grep -q ' nodes, no changes, none failed' "$work/nothing.log"
    sed -n 's/^.* nodes, /--   /p' "$work/nothing.log"
    check "three machines take less than 10 s, and more only under load" is_quick
    cat "$work/quick"
    check "a dry run and a run name the same changes" same_changes
}

everyday() {
    step "what runs"
    for node in server-2 server-3; do
        check "$node answers over HTTP, for itself" front_answers $node
    done
    check "both name servers answer" both_serials 2026112201
    check "the database is closed to strangers" closed_to_strangers 11 3306
    check "ssh is open to them" open_to_strangers 11 22
    check "port 53 is not tracked" on ns2 'nft list table inet tiovivo_firewall | grep -q notrack'
    step "a change of a zone"
    pids=$(for node in ns1 ns2; do on $node systemctl show -p MainPID tiovivo; done)
    sed -i s/2026112201/2026112202/ "$work/cluster/zones/midominio.com.zone"
    check "a dry run shows the line" shows_the_line
    check "deploy/up lays it" up --only dns
    check "both name servers answer with it" wait_for 20 both_serials 2026112202
    check "neither was restarted" test "$pids" = \
        "$(for node in ns1 ns2; do on $node systemctl show -p MainPID tiovivo; done)"
    check "deploy/status shows every node" deploy_status
    check "deploy/logs shows lines of every node" deploy_logs
}

kill_in_the_middle() {
    setsid deploy/up --config "$work/cluster/config.yaml" >"$work/killed.log" 2>&1 &
    local pid=$!
    wait_for 600 grep -q 'packages of every node' "$work/killed.log" || return 1
    kill -9 -- "-$pid"
    ! wait "$pid" 2>/dev/null
}

up_without_one() {
    use_nodes "$NODES $OFF:worker:none:99"
    up >"$work/up.log" 2>&1
    local status=$?
    tail -n 40 "$work/up.log"
    [ $status -eq 1 ] && grep -q '1 failed' "$work/up.log"
}

node_is_told_last() {
    [ "$(sed -n 's/^\(.*\) FAILED at: connecting$/\1/p' "$work/up.log" | tail -n 1)" = "$1" ]
}

is_quick() {
    local began=$EPOCHREALTIME took load
    up --only server-2,server-3,ns1 || return 1
    took=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
    load=$(cut -d ' ' -f 1 /proc/loadavg)
    printf -- '--   %s s at load %s\n' "$took" "$load" >"$work/quick"
    awk -v took="$took" -v busy="$load" 'BEGIN { exit !(took < 10 * (busy > 2 ? busy / 2 : 1)) }'
}

# Changes that the dry run announced for a child and a name server, against what the runs did. What is
# only done aside, to try something, is no change; packages may have come by themselves after the kill,
# and what they bring with them cannot be told before.
same_changes() {
    local node
    for node in server-2 ns1; do
        diff <(sed -n "s/^.* s $node  *would change: //p" "$work/dry.log" | grep -v '^packages ' | sort -u) \
            <(sed -n "s/^.* s $node  *\(.*\) ([0-9.]* s)$/\1/p" "$work"/{killed,up,told}.log |
                grep -v -e '^packages ' -e '^still at: ' -e '^Debian.s example site$' \
                    -e 'of tiovivo, aside$' -e '^tiovivo accepts ' -e '^tiovivo answers$' | sort -u) || return 1
    done
}

shows_the_line() {
    up --dry --only dns | tee "$work/dry-zone.log"
    grep -q '^ *+.*2026112202' "$work/dry-zone.log"
}

# nginx is there; without a release the application itself has nothing to answer with.
front_answers() {
    local status
    status=$(curl -s -o /dev/null -w '%{http_code}' -m 5 "http://${machine_address[$1]}/media/none")
    [ "$status" = 404 ]
}

both_serials() {
    local server
    for server in 53 54; do
        dig +short +time=1 +tries=1 "@$net.$server" midominio.com SOA | grep -q " $1 " || return 1
    done
}

open_to_strangers() { timeout 5 bash -c "exec 3<>/dev/tcp/$net.$1/$2"; }
closed_to_strangers() { ! open_to_strangers "$@"; }
lacks() { ! grep -q -- "$1" "$2"; }

lacks_everywhere() {
    local node
    for node in ns1 ns2 server-1; do
        on $node "! grep -rqs -e '$1' /etc/tiovivo /etc/tiovivo-firewall.nft /etc/exports.d" || return 1
    done
}

deploy_status() {
    deploy/status --config "$work/cluster/config.yaml" | tee "$work/status.log"
    [ "$(grep -cE '^(server|video|ns)[-0-9.]+ +(mother|standby|child|worker|dns) ' "$work/status.log")" -eq 6 ]
}

deploy_logs() {
    deploy/logs --config "$work/cluster/config.yaml" --lines 5 >"$work/logs.log" || return 1
    [ "$(cut -d ' ' -f 1 "$work/logs.log" | sort -u | wc -l)" -eq 6 ]
}

no_node_has() {
    local node
    for node in server-2 ns2; do
        on $node "! test -e $1" || return 1
    done
}

# --- the cluster ---------------------------------------------------------------------------------

write_cluster() {
    local folder=$work/cluster
    mkdir -p "$folder/zones" "$folder/site"
    printf 'django\n' >"$folder/site/requirements.txt"
    cat >"$folder/zones/midominio.com.zone" <<-ZONE
	\$ORIGIN midominio.com.
	\$TTL 1h
	@ IN SOA ns1 hostmaster ( 2026112201 14400 3600 1209600 300 )
	@ IN NS ns1
	@ IN NS ns2
	ns1 IN A $net.53
	ns2 IN A $net.54
	ZONE
    cp "$work/key" "$work/key.pub" "$folder/"
    use_nodes "$NODES"
}

# use_nodes NODES: config.yaml with these nodes.
use_nodes() {
    local entry name role release last
    {
        cat <<-YAML
	server: { listen: [127.0.0.1:5300], state: state }
	zones: [{ apex: midominio.com, file: zones/midominio.com.zone }]
	pools:
	  web:
	    names: [midominio.com, www.midominio.com]
	    members: { role: child }
	    check: { http: { port: 80, path: /health, host: midominio.com }, every: 1s, timeout: 500ms }
	nodes:
	YAML
        for entry in $1; do
            IFS=: read -r name role release last <<<"$entry"
            printf '  %s: { role: %s, address: %s, private: %s }\n' "$name" "$role" "$net.$last" "$net.$last"
        done
        cat <<-YAML
	deploy:
	  debian: bookworm
	  ssh: { user: root, key: key }
	  mother_address: $net.10
	  application:
	    source: site
	    requirements: requirements.txt
	    settings: site.settings
	    wsgi: site.wsgi
	    celery: site
	    hosts: [midominio.com]
	  database: { name: site }
	YAML
    } >"$work/cluster/config.yaml"
}

# --- machines --------------------------------------------------------------------------------------

make_trees() {
    ssh-keygen -q -t ed25519 -N '' -f "$work/key" || return 1
    mkdir -p "$work/nodes"
    local release jobs=()
    for release in bookworm trixie; do
        make_tree $release "$work/$release" systemd systemd-sysv dbus openssh-server iproute2 &
        jobs+=($!)
    done
    wait "${jobs[0]}" && wait "${jobs[1]}" || return 1
    for release in bookworm trixie; do
        prepare_tree "$work/$release" || return 1
    done
}

prepare_tree() {
    local root=$1 units=$1/etc/systemd/system
    install -D -m 600 "$work/key.pub" "$root/root/.ssh/authorized_keys"
    chmod 700 "$root/root/.ssh"
    # The kernel of a container serves no files.
    cat >"$units/nfs-server.service" <<-UNIT
	[Unit]
	Description=Stands for the NFS server
	[Service]
	Type=oneshot
	RemainAfterExit=yes
	ExecStart=/bin/true
	ExecReload=/bin/true
	[Install]
	WantedBy=multi-user.target
	UNIT
    cat >"$units/test-network.service" <<-UNIT
	[Unit]
	DefaultDependencies=no
	Before=network-pre.target network.target network-online.target ssh.service
	[Service]
	Type=oneshot
	RemainAfterExit=yes
	ExecStart=/bin/sh -c 'ip link set lo up; ip address replace \$(cat /etc/test-address)/24 dev host0; ip link set host0 up'
	[Install]
	WantedBy=sysinit.target
	UNIT
    chroot "$root" systemctl enable --quiet test-network.service ssh.service
}

# SKIP when not even the first one boots: the reason is the machine's.
boot_all() {
    local entry name role release last first=${NODES%%:*}
    for entry in $NODES; do
        IFS=: read -r name role release last <<<"$entry"
        boot_node "$name" "$role" "$release" "$last"
    done
    if ! can_boot "$first"; then
        skip "provisioning from nothing: this machine boots no containers: $(tail -n 1 "$work/nodes/$first.log")"
        return 1
    fi
    for entry in $NODES; do
        check "${entry%%:*} boots" wait_for 120 on "${entry%%:*}" true || return 1
    done
}

boot_node() {
    local name=$1 role=$2 root=$work/nodes/$1 binds=() tree
    cp -a --reflink=auto "$work/$3" "$root"
    printf '%s\n' "$name" >"$root/etc/hostname"
    printf '%s.%s\n' $net "$4" >"$root/etc/test-address"
    if [ "$role" = child ] || [ "$role" = worker ]; then
        for tree in app static media; do
            mkdir -p "$work/srv/$tree"
            binds+=("--bind=$work/srv/$tree:/srv/$tree")
        done
    fi
    boot "$name" "$net.$4" "$root" "${binds[@]}"
}

main
verdict provision
