#!/usr/bin/env bash
# deny.toml against Cargo.lock: licences, banned crates, sources, and known holes.
#
# The database of advisories is fetched from github.com; where that cannot be reached, advisories
# count as skipped, and the rest is judged.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

# One version, so that the same tree gets the same verdict. Compiled once, without
# optimising: it judges the tree in a second either way, and builds in half the time.
readonly VERSION=0.18.9
readonly TOOLS=$PWD/target/tools

main() {
    check "cargo-deny $VERSION is there" has_cargo_deny || return
    local what
    for what in licenses bans sources; do
        check "$what" deny check --hide-inclusion-graph $what
    done
    if deny fetch >"$check_output" 2>&1 </dev/null; then
        check "advisories" deny check --disable-fetch advisories
    else
        tail -n 3 "$check_output"
        skip "advisories not checked: their database cannot be fetched from here"
    fi
}

# The one in the PATH if it is of the right version, else one of our own.
has_cargo_deny() {
    is_right cargo-deny || is_right "$TOOLS/bin/cargo-deny" ||
        # The old one stands in the way of another version.
        cargo install --force --quiet --locked --debug --version $VERSION --root "$TOOLS" \
            --target-dir "$TOOLS/build" cargo-deny && rm -rf "$TOOLS/build"
}

is_right() { [ "$("$1" --version 2>/dev/null)" = "cargo-deny $VERSION" ]; }

deny() {
    if is_right cargo-deny; then cargo-deny --locked "$@"; else "$TOOLS/bin/cargo-deny" --locked "$@"; fi
}

main
verdict deny
