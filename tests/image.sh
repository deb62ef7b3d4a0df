#!/usr/bin/env bash
# The container image and compose.yaml, for real: built, run, asked, broken, mended.
#
# Nothing of the machine changes but the packages that are installed. A Docker of the test's own
# (containerd and dockerd with their own folders and sockets) builds without a bridge or a firewall
# rule, then starts again inside an empty network namespace, where the containers run without any
# way out. No registry is asked for images: the two bases that the Dockerfiles name are made here,
# from Debian's packages and this machine's Rust, so the Dockerfiles stay as they are for everyone.
#
# Needs root. TIOVIVO_IMAGE_KEEP=1 leaves everything running at the end, and says where.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

[ "$(id -u)" -eq 0 ] || { echo "run it as root"; exit 1; }
export LC_ALL=C DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0

readonly SUBNET=172.30.53
readonly RUN_AS=10053
work=$(mktemp -d /var/tmp/tiovivo-image.XXXXXX)
containerd_pid='' dockerd_pid='' holder_pid=''
export DOCKER_CONFIG=$work/client DOCKER_HOST=unix://$work/docker.sock

main() {
    trap cleanup EXIT
    trap 'exit 130' INT TERM

    step packages
    need_packages docker.io docker-compose mmdebstrap bind9-dnsutils iproute2 curl ca-certificates ||
        { fail "Debian's packages can be installed"; return; }

    step "base images"
    check "containerd and dockerd of the test's own start" start_for_building || return
    check "the base image debian:bookworm-slim is made" make_debian_base || return
    check "the base image rust:1.95-slim-bookworm is made" make_rust_base || return

    step "building the image"
    check "the image builds" docker build --network host -t tiovivo . || return
    step "building a child of compose.yaml"
    check "the image of a child builds" docker build --network host -t tiovivo-child compose/child ||
        return
    docker image ls --format '--   {{.Repository}}:{{.Tag}} {{.Size}}' | grep tiovivo
    step "building the image again, with one line of source changed"
    check "a change of the source leaves the layer of the dependencies" rebuild_uses_the_cache

    step "the image"
    check "dockerd starts in an empty network namespace" start_for_running || return
    image_declares
    one_container
    step "compose.yaml"
    compose_cluster
}

docker() { command /usr/bin/docker "$@"; }
compose() { command /usr/bin/docker-compose --project-name tiovivo --file compose.yaml "$@"; }
inspect() { docker inspect --format "$2" "$1"; }
# Inside the namespace, and outside every container: where a client of the published ports stands.
outside() { nsenter --net="/proc/$holder_pid/ns/net" "$@"; }
ask() { outside dig +time=1 +tries=1 +noall "$@"; }

# --- A Docker of the test's own ---------------------------------------------------------------

start_for_building() {
    mkdir -p "$work/client"
    cat >"$work/containerd.toml" <<-TOML
	version = 2
	root = "$work/containerd"
	state = "$work/containerd-state"
	disabled_plugins = ["io.containerd.grpc.v1.cri"]
	[grpc]
	  address = "$work/containerd.sock"
	TOML
    containerd --config "$work/containerd.toml" >"$work/containerd.log" 2>&1 &
    containerd_pid=$!
    wait_for 30 test -S "$work/containerd.sock" || { tail "$work/containerd.log"; return 1; }
    start_dockerd "" --bridge=none --iptables=false --ip-forward=false --ip-masq=false
}

start_for_running() {
    stop_dockerd
    unshare --net sleep infinity &
    holder_pid=$!
    wait_for 5 entered_its_namespace || return 1
    outside ip link set lo up
    start_dockerd outside
}

entered_its_namespace() {
    [ "$(readlink "/proc/$holder_pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

# start_dockerd WRAPPER ARGUMENTS...
start_dockerd() {
    local wrapper=$1
    shift
    $wrapper /usr/sbin/dockerd --containerd "$work/containerd.sock" --host "$DOCKER_HOST" \
        --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/docker.pid" \
        "$@" >>"$work/dockerd.log" 2>&1 &
    wait_for 60 test -s "$work/docker.pid" && dockerd_pid=$(cat "$work/docker.pid")
    wait_for 60 docker version || { tail -n 20 "$work/dockerd.log"; return 1; }
}

stop_dockerd() {
    [ -n "$dockerd_pid" ] || return 0
    kill "$dockerd_pid" 2>/dev/null
    wait_for 30 is_gone "$dockerd_pid" || kill -9 "$dockerd_pid" 2>/dev/null
    rm -f "$work/docker.pid"
    dockerd_pid=
}

cleanup() {
    local status=$?
    trap - EXIT
    if [ -n "${TIOVIVO_IMAGE_KEEP:-}" ]; then
        printf -- '-- kept: DOCKER_HOST=%s, nsenter --net=/proc/%s/ns/net\n' "$DOCKER_HOST" "$holder_pid"
        return "$status"
    fi
    step "tidying up"
    if [ -n "$dockerd_pid" ]; then
        docker ps -aq | xargs -r /usr/bin/docker rm -f -v >/dev/null 2>&1
        stop_dockerd
    fi
    for pid in $containerd_pid $holder_pid; do
        kill "$pid" 2>/dev/null
        wait_for 10 is_gone "$pid" || kill -9 "$pid"
    done
    # Deepest first: what a daemon left mounted must not be deleted through.
    awk -v top="$work/" 'index($2, top) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
    rm -rf --one-file-system "$work"
    return "$status"
}

# --- The base images -----------------------------------------------------------------------------

make_debian_base() {
    local mirror
    # shellcheck disable=SC2016 # apt's own placeholder
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        'Label: Debian' 'Codename: bookworm' | head -n 1)
    # What apt on this machine needs to reach its mirror: a proxy, perhaps.
    apt-config dump | grep -E '^Acquire::(https?|Check)' >"$work/apt.conf"
    mmdebstrap --mode=root --variant=minbase --aptopt="$work/apt.conf" --include=ca-certificates \
        bookworm "$work/base" ${mirror:+"$mirror"} || return 1
    cp "$work/apt.conf" "$work/base/etc/apt/apt.conf.d/90machine"
    trust_what_the_machine_trusts
    tar -C "$work/base" -c . | docker import - debian:bookworm-slim
}

trust_what_the_machine_trusts() {
    find /usr/local/share/ca-certificates -name '*.crt' \
        -exec cp -t "$work/base/usr/local/share/ca-certificates" {} +
    chroot "$work/base" update-ca-certificates
    # Somebody may have named a bundle of his own for cargo instead.
    if [ -f "${CARGO_HTTP_CAINFO:-}" ]; then
        cat "$CARGO_HTTP_CAINFO" >>"$work/base/etc/ssl/certs/ca-certificates.crt"
    fi
}

make_rust_base() {
    local home=$work/base/usr/local/cargo sysroot settings=() name
    sysroot=$(rustc --print sysroot) || return 1
    chroot "$work/base" sh -c 'apt-get update && apt-get install -y --no-install-recommends \
        gcc libc6-dev && rm -rf /var/lib/apt/lists/*' || return 1
    mkdir -p "$home/bin" "$work/base/usr/local/rust/bin"
    cp -aL "$sysroot/bin/cargo" "$sysroot/bin/rustc" "$work/base/usr/local/rust/bin/"
    # Without the library's source and other targets, which the build does not use.
    tar -C "$sysroot" -c --exclude 'lib/rustlib/src' --exclude 'lib/rustlib/wasm*' lib |
        tar -C "$work/base/usr/local/rust" -x
    ln -s ../../rust/bin/cargo ../../rust/bin/rustc "$home/bin/"
    # Where this machine's cargo finds its registry.
    cp "${CARGO_HOME:-$HOME/.cargo}"/config.toml "$home/" 2>/dev/null
    while IFS= read -r name; do
        settings+=(--change "ENV $name=${!name}")
    done < <(compgen -e | grep -E '^(CARGO_(NET|REGISTR|SOURCE)|https?_proxy$|HTTPS?_PROXY$|no_proxy$|NO_PROXY$)')
    # A program that is not optimized shows as much of the image, and is built in a third of the time.
    for name in LTO=off OPT_LEVEL=1 CODEGEN_UNITS=16 DEBUG=none; do
        settings+=(--change "ENV CARGO_PROFILE_RELEASE_$name")
    done
    tar -C "$work/base" -c . | docker import --change 'ENV CARGO_HOME=/usr/local/cargo' \
        --change 'ENV PATH=/usr/local/cargo/bin:/usr/sbin:/usr/bin:/sbin:/bin' "${settings[@]}" \
        - rust:1.95-slim-bookworm || return 1
    rm -rf --one-file-system "$work/base"
}

# Stops before the program itself is compiled: the layers up to there are what is asked about.
rebuild_uses_the_cache() {
    local copy=$work/context
    mkdir "$copy"
    cp -r Dockerfile .dockerignore Cargo.toml Cargo.lock LICENSE-* src config.yaml zones "$copy/"
    echo '// changed' >>"$copy/src/lib.rs"
    sed -i '/^RUN touch/,/mkdir .state$/d; /^FROM debian/,$d' "$copy/Dockerfile"
    docker build --network host "$copy" | tee "$work/rebuild.log"
    grep -A 4 'cargo build' "$work/rebuild.log" | grep -q 'Using cache'
}

# --- The image -------------------------------------------------------------------------------------

image_declares() {
    check "its user is a number other than 0" \
        grep -Eqx '[1-9][0-9]*:[1-9][0-9]*' <(inspect tiovivo '{{.Config.User}}')
    check "its entry point and its health check are the program, without a shell" \
        grep -Fqx '[/usr/local/bin/tiovivo] CMD /usr/local/bin/tiovivo' \
        <(inspect tiovivo '{{.Config.Entrypoint}} {{index .Config.Healthcheck.Test 0}} {{index .Config.Healthcheck.Test 1}}')
    check "it says its licence" grep -Fqx 'MIT OR Apache-2.0' \
        <(inspect tiovivo '{{index .Config.Labels "org.opencontainers.image.licenses"}}')
    check "it brings the roots that https checks need" docker run --rm --entrypoint /usr/bin/test tiovivo \
        -s /etc/ssl/certs/ca-certificates.crt
    check "it checks a good configuration" docker run --rm --network none \
        -v "$PWD/compose/tiovivo:/etc/tiovivo:ro" tiovivo check --config /etc/tiovivo/config.yaml
    check "a bad configuration is status 2" refuses_a_bad_configuration
}

refuses_a_bad_configuration() {
    mkdir -p "$work/bad"
    echo 'servre: {}' >"$work/bad/config.yaml"
    docker run --rm --network none -v "$work/bad:/etc/tiovivo:ro" tiovivo \
        check --config /etc/tiovivo/config.yaml
    [ $? -eq 2 ]
}

one_container() {
    check "it runs read-only, without capabilities" docker run --detach --name one --read-only \
        --cap-drop ALL --security-opt no-new-privileges -p 127.0.0.1:5353:53/udp \
        -p 127.0.0.1:5353:53/tcp -v "$PWD/compose/tiovivo:/etc/tiovivo:ro" tiovivo || return
    check "it is healthy by its own account" wait_for 40 is_healthy one || docker logs one
    check "it runs as the user of the image" runs_unprivileged one
    check "the SOA over UDP, through the published port" answers +notcp SOA cluster.example 2026010101
    check "the SOA over TCP, through the published port" answers +tcp SOA cluster.example 2026010101
    check "a name server's own address" answers +notcp A ns2.cluster.example $SUBNET.12
    check "it stops by itself when asked" stops_cleanly one
    docker rm -f -v one >/dev/null
}

is_healthy() {
    local said
    said=$(inspect "$1" '{{.State.Health.Status}} {{range .State.Health.Log}}{{.Output}}{{end}}')
    printf '%s\n' "$said"
    [ "${said%% *}" = healthy ]
}

# The kernel's word for it: user ids, capabilities, no_new_privs.
runs_unprivileged() {
    local status
    status=/proc/$(inspect "$1" '{{.State.Pid}}')/status
    grep -E '^(Uid|CapEff|NoNewPrivs)' "$status"
    grep -Eqx "Uid:(\s$RUN_AS){4}" "$status" && grep -Eqx 'CapEff:\s0+' "$status" &&
        grep -Eqx 'NoNewPrivs:\s1' "$status"
}

# answers TRANSPORT TYPE NAME TEXT
answers() {
    ask +answer "$1" @127.0.0.1 -p 5353 "$3" "$2" | tee /dev/stderr | grep -qF -- "$4"
}

stops_cleanly() {
    docker stop --time 8 "$1" && [ "$(inspect "$1" '{{.State.ExitCode}}')" -eq 0 ]
}

# --- compose.yaml -----------------------------------------------------------------------------------

compose_cluster() {
    check "compose.yaml is valid" compose config --quiet || return
    check "the cluster starts" compose up --detach --no-build || return
    for server in ns1 ns2; do
        check "$server is healthy" wait_for 40 is_healthy "tiovivo_${server}_1" ||
            docker logs "tiovivo_${server}_1"
        check "$server runs as the user of the image" runs_unprivileged "tiovivo_${server}_1"
    done
    check "both answer the three children" wait_for 15 both_answer 21 22 23
    check "a child answers the page" children_serve 21 22 23
    check "both say the same SOA and NS" agree
    check "the dashboard's port is published" outside curl -fsS --max-time 5 http://127.0.0.1:8053/readyz

    check "server-3 stops" compose stop --timeout 5 server-3
    check "it leaves both servers' answers within 8 s" wait_for 8 both_answer 21 23
    check "server-3 starts" compose start server-3
    check "it is back in both within 12 s" wait_for 12 both_answer 21 22 23

    check "all children stop" compose stop --timeout 5 server-2 server-3 server-4
    check "both servers know it" wait_for 15 nobody_serves
    check "with every child dead the answer is not empty, and never the mother" both_answer 21 22 23
    check "the cluster goes away" compose down --volumes
}

# Both servers' whole answer, as a set: the last numbers of the addresses.
both_answer() {
    local expected=$* name server said
    for name in cluster.example www.cluster.example; do
        for server in 5301 5302; do
            said=$(ask +short +answer @127.0.0.1 -p $server "$name" A | sort | sed "s/^$SUBNET\.//" | xargs)
            if [ "$said" != "$expected" ]; then
                printf '%s on port %s: %s, not %s\n' "$name" $server "$said" "$expected"
                return 1
            fi
        done
    done
}

nobody_serves() {
    local port
    for port in 8053 8054; do
        outside curl -fsS --max-time 5 http://127.0.0.1:$port/api/v1/status | grep -Eq '"serving": ?0\b' ||
            return 1
    done
}

children_serve() {
    for last in "$@"; do
        outside curl -fsS --max-time 5 "http://$SUBNET.$last/" || return 1
    done
}

agree() {
    local type one two
    for type in SOA NS; do
        one=$(ask +short +answer @127.0.0.1 -p 5301 cluster.example $type | sort)
        two=$(ask +short +answer @127.0.0.1 -p 5302 cluster.example $type | sort)
        if [ -z "$one" ] || [ "$one" != "$two" ]; then
            printf '%s: %s / %s\n' $type "$one" "$two"
            return 1
        fi
    done
}

main
verdict image
