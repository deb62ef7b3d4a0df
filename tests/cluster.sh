#!/usr/bin/env bash
# The whole cluster, end to end: machines of their own kernels, installed by deploy/ over ssh, then
# each promise as one check. See tests/cluster/__main__.py; words are given on to it.
#
#   TIOVIVO   the program to install: target/release/tiovivo or target/debug/tiovivo
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/lib.sh
. tests/lib.sh

main() {
    local why program
    why=$(obstacle)
    if [ -z "$why" ]; then
        need_packages user-mode-linux systemd-container mmdebstrap e2fsprogs unbound openssh-client rsync \
            binutils python3-venv gcc libc6-dev bind9-dnsutils || why="its packages cannot be installed"
    fi
    if [ -n "$why" ]; then
        echo "SKIP cluster: $why"
        exit 0
    fi
    program=$(find_program)
    # Debug information would be three quarters of what goes to each name server.
    mkdir -p target/cluster
    strip -o target/cluster/tiovivo "$program"
    exec python3 tests/cluster --tiovivo target/cluster/tiovivo "$@"
}

# What this machine lacks; nothing when the test can run.
obstacle() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "needs root, for network namespaces"
    elif [ "$(uname -m)" != x86_64 ]; then
        echo "User-Mode Linux is for x86_64"
    elif [ ! -c /dev/net/tun ]; then
        echo "there is no /dev/net/tun"
    elif ! unshare --net --mount true 2>/dev/null; then
        echo "this machine does not allow namespaces"
    fi
}

main "$@"
