#!/usr/bin/env bash
# What the tests need beside Rust: the Debian packages named as arguments, and Rust's own formatter
# and linter, which a minimal toolchain lacks.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

need_packages "$@" || exit 1
for component in rustfmt clippy; do
    case $component in rustfmt) command=fmt ;; *) command=$component ;; esac
    cargo $command --version >/dev/null 2>&1 || rustup component add $component || exit 1
done
