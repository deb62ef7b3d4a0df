#!/usr/bin/env bash
# The Vagrantfile: Vagrant finds a machine for each node of config.yaml, and tells of a faulty one. Then
# two machines for real, by Vagrant's Docker provider: deploy/up installs a name server in one of them.
#
# Docker is the test's own, in a network namespace of its own; its image is made from Debian's packages.
#   TIOVIVO   the program: target/release/tiovivo or target/debug/tiovivo
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/containers.sh
. tests/containers.sh

export LC_ALL=C.UTF-8 VAGRANT_CHECKPOINT_DISABLE=1
readonly net=10.153.55
readonly space=tiovivo-vagr
readonly machines_net=10.153.56
work=$(mktemp -d /var/tmp/tiovivo-vagrant.XXXXXX)
dockerd_pid=''
export VAGRANT_HOME=$work/home VAGRANT_DOTFILE_PATH=$work/machines
export DOCKER_HOST=unix://$work/docker.sock DOCKER_CONFIG=$work/client

main() {
    trap end_test EXIT
    trap 'exit 130' INT TERM
    if ! need_packages vagrant binutils; then
        skip "vagrant: the package cannot be installed here"
        return
    fi
    check "there is a program that knows the nodes" use_program || return
    export TIOVIVO=$work/bin/tiovivo
    step validate
    export TIOVIVO_CONFIG=$PWD/examples/cluster/config.yaml
    check "Vagrant takes the file" timeout 120 vagrant validate --ignore-provider
    check "a faulty config.yaml is told of with its line" tells_faults
    real_machines
}

tells_faults() {
    cp -r examples/cluster "$work/faulty"
    sed -i 's/debian: bookworm/debian: bookwrm/' "$work/faulty/config.yaml"
    local said
    ! said=$(TIOVIVO_CONFIG=$work/faulty/config.yaml timeout 120 vagrant validate --ignore-provider 2>&1) &&
        grep -F 'deploy.debian' <<<"$said"
}

# --- two machines --------------------------------------------------------------------------------

real_machines() {
    local why
    why=$(containers_obstacle)
    if [ -n "$why" ]; then
        skip "vagrant up: $why"
        return
    fi
    step "an image with systemd and sshd"
    need_packages docker.io mmdebstrap apt-cacher-ng iproute2 openssh-client curl bind9-dnsutils python3-venv ||
        { fail "Debian's packages can be installed"; return; }
    # The one that belongs to this dockerd, whatever else is in PATH.
    ln -s /usr/bin/docker "$work/bin/docker"
    check "a network of the test's own" make_network || return
    check "a cache of Debian's packages starts" start_cache || return
    check "a minimal Debian 12" make_image_tree || return
    if ! start_dockerd; then
        skip "vagrant up: this machine runs no Docker: $(tail -n 1 "$work/dockerd.log")"
        return
    fi
    check "Docker takes it as an image" import_image || return
    if ! image_boots; then
        skip "vagrant up: a container of this machine's Docker cannot boot systemd: $(docker logs try 2>&1 | tail -n 1)"
        return
    fi
    write_cluster
    machine_address=([server-2]=$machines_net.21 [ns1]=$machines_net.53)
    on_by=(inside)
    step "vagrant up"
    check "two machines come up" vagrant_on up --provider=docker server-2 ns1 || return
    check "Vagrant knows both as running" both_run
    for name in server-2 ns1; do
        check "vagrant ssh comes to $name" enters $name
        check "the key of config.yaml lets root into $name, at its private address" on $name true
    done
    step "deploy/up"
    # Out here, because the network of the machines has no way to a registry.
    check "deploy/up makes its environment" deploy/up --help || return
    check "deploy/up installs the name server" up
    check "it answers" wait_for 20 answers
    check "a second run changes nothing" up
    check "its summary says so" grep -q ' no changes, none failed' "$work/up.log"
    step "vagrant destroy"
    check "both machines go away" vagrant_on destroy --force
    check "no container is left" test -z "$(docker ps -aq)"
}

# Where the machines are reached.
inside() { nsenter --net="/run/netns/$space" "$@"; }
vagrant_on() { TIOVIVO_CONFIG=$work/cluster/config.yaml inside timeout 300 vagrant "$@"; }
both_run() { [ "$(vagrant_on status --machine-readable server-2 ns1 | grep -c ',state,running')" -eq 2 ]; }
enters() { [ "$(vagrant_on ssh "$1" --no-tty -c hostname | tr -d '\r')" = "$1" ]; }
answers() { inside dig +short +time=1 +tries=1 @$machines_net.53 midominio.com SOA | grep -q ' 2026112201 '; }

up() {
    inside timeout 300 deploy/up --config "$work/cluster/config.yaml" --only ns1 | tee "$work/up.log"
    return "${PIPESTATUS[0]}"
}

write_cluster() {
    local folder=$work/cluster
    mkdir -p "$folder/zones"
    cp "$work/key" "$work/key.pub" "$folder/"
    cat >"$folder/zones/midominio.com.zone" <<-ZONE
	\$ORIGIN midominio.com.
	\$TTL 1h
	@ IN SOA ns1 hostmaster ( 2026112201 14400 3600 1209600 300 )
	@ IN NS ns1
	ns1 IN A $machines_net.53
	ZONE
    cat >"$folder/config.yaml" <<-YAML
	server: { listen: [127.0.0.1:5300], state: state }
	zones: [{ apex: midominio.com, file: zones/midominio.com.zone }]
	pools:
	  web:
	    names: [midominio.com]
	    members: { role: child }
	    check: { tcp: { port: 22 }, every: 1s, timeout: 500ms }
	nodes:
	  server-1: { role: mother, address: $machines_net.11, private: $machines_net.11 }
	  server-2: { role: child, address: $machines_net.21, private: $machines_net.21 }
	  ns1: { role: dns, address: $machines_net.53, private: $machines_net.53 }
	deploy:
	  ssh: { user: root, key: key }
	  mother_address: $machines_net.10
	YAML
}

# --- Docker --------------------------------------------------------------------------------------

# With the packages of every node, since a container here has no way out.
make_image_tree() {
    ssh-keygen -q -t ed25519 -N '' -f "$work/key" || return 1
    local tree=$work/image
    make_tree bookworm "$tree" systemd systemd-sysv dbus openssh-server sudo iproute2 \
        ca-certificates nftables python3 rsync || return 1
    chroot "$tree" useradd --create-home --shell /bin/bash vagrant || return 1
    printf 'vagrant ALL=(ALL) NOPASSWD: ALL\n' >"$tree/etc/sudoers.d/vagrant"
    # The key that Vagrant comes with; it puts one of its own in its place.
    install -D -m 600 "$(dpkg -L vagrant | grep 'keys/vagrant.pub$')" "$tree/home/vagrant/.ssh/authorized_keys"
    chroot "$tree" chown -R vagrant:vagrant /home/vagrant/.ssh
    # Docker mounts control groups read-only, and systemd makes some.
    cat >"$tree/usr/local/sbin/start" <<-'SCRIPT'
	#!/bin/sh
	for groups in /sys/fs/cgroup /sys/fs/cgroup/systemd; do
	    mount -o remount,rw "$groups" 2>/dev/null
	done
	exec /sbin/init
	SCRIPT
    chmod 755 "$tree/usr/local/sbin/start"
    chroot "$tree" systemctl mask --quiet systemd-udevd.service getty.target console-getty.service
}

start_dockerd() {
    mkdir -p "$work/client"
    nsenter --net="/run/netns/$space" /usr/sbin/dockerd --host "$DOCKER_HOST" --cgroup-parent "$space" \
        --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/docker.pid" \
        >"$work/dockerd.log" 2>&1 </dev/null 8>&- &
    dockerd_pid=$!
    wait_for 60 docker version >/dev/null
}

import_image() {
    tar -C "$work/image" -c . | docker import --change 'ENV container=docker' \
        --change 'CMD ["/usr/local/sbin/start"]' - tiovivo-node:bookworm
}

# With the arguments of the Vagrantfile.
image_boots() {
    docker run --detach --name try --cap-add SYS_ADMIN --cap-add NET_ADMIN \
        --security-opt seccomp=unconfined --security-opt apparmor=unconfined --cgroupns private \
        tiovivo-node:bookworm >/dev/null &&
        wait_for 60 docker exec try systemctl is-active ssh.service >/dev/null &&
        docker rm --force try >/dev/null
}

stop_dockerd() {
    [ -n "$dockerd_pid" ] || return 0
    docker ps -aq | xargs -r docker rm -f -v >/dev/null 2>&1
    kill "$dockerd_pid" 2>/dev/null
    wait_for 30 is_gone "$dockerd_pid" || kill -9 "$dockerd_pid"
    wait "$dockerd_pid" 2>/dev/null
    # What Docker leaves of its control groups.
    find /sys/fs/cgroup -depth -type d -path "*/$space*" -exec rmdir {} + 2>/dev/null
}

end_test() {
    local status=$?
    trap - EXIT
    step "tidying up"
    stop_dockerd
    if [ "$(id -u)" -eq 0 ]; then end_machines; else rm -rf "$work"; fi
    return $status
}

main
verdict vagrant
