#!/usr/bin/env bash
# packaging/tiovivo.service: systemd finds it well locked. That it reads every line of it is seen by
# tests/install.sh.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

# `systemd-analyze security` goes from 0.0 (locked) to 10.0; times ten, as it is given.
readonly MOST_EXPOSURE=16
readonly UNIT=packaging/tiovivo.service
export LC_ALL=C SYSTEMD_COLORS=0

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

main() {
    check "systemd can be installed" need_packages systemd || return
    # A copy whose program exists: what the unit starts is not installed here.
    printf '#!/bin/sh\n' >"$folder/tiovivo"
    chmod 755 "$folder/tiovivo"
    sed "s|/usr/local/bin/tiovivo|$folder/tiovivo|" $UNIT >"$folder/tiovivo.service"

    check "its exposure is at most $MOST_EXPOSURE of 100" exposure
    printf -- '--   %s\n' "$(exposure | tail -n 1)"
    check "it starts the program as the README does" starts_the_server
}

exposure() {
    systemd-analyze security --no-pager --offline=true --threshold=$MOST_EXPOSURE "$folder/tiovivo.service"
}

starts_the_server() {
    grep -qx 'ExecStart=/usr/local/bin/tiovivo serve --config /etc/tiovivo/config.yaml' $UNIT
}

main
verdict "unit file"
