#!/usr/bin/env bash
# The Vagrantfile: Vagrant finds a machine for each node of config.yaml, and tells of a faulty one.
#
# Takes the debug build, which `cargo test` has made before. Starts no machine.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

export TIOVIVO=${TIOVIVO:-$PWD/target/debug/tiovivo} LC_ALL=C.UTF-8
export VAGRANT_CHECKPOINT_DISABLE=1

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export VAGRANT_HOME=$folder/home VAGRANT_DOTFILE_PATH=$folder/machines

main() {
    if ! need_packages vagrant; then
        skip "vagrant: the package cannot be installed here"
        return
    fi
    [ -x "$TIOVIVO" ] || check "the program is built" cargo build --locked || return
    export TIOVIVO_CONFIG=$PWD/examples/cluster/config.yaml
    check "Vagrant takes the file" timeout 120 vagrant validate --ignore-provider
    check "a faulty config.yaml is told of with its line" tells_faults
}

tells_faults() {
    cp -r examples/cluster "$folder/cluster"
    sed -i 's/debian: bookworm/debian: bookwrm/' "$folder/cluster/config.yaml"
    local said
    ! said=$(TIOVIVO_CONFIG=$folder/cluster/config.yaml timeout 120 vagrant validate --ignore-provider 2>&1) &&
        grep -F 'deploy.debian' <<<"$said"
}

main
verdict vagrant
