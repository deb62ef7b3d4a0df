#!/usr/bin/env bash
# Every test of the project, in one command: ./tests/all.sh
#
# Made for a fresh Debian 12 with Rust and nothing else; it installs Debian packages as root, or by
# sudo. It goes on after a failed step, so that one run tells everything. The last line counts the
# tests of all steps, and the exit status is 0 when none failed.
#
#   --quick   formatting, clippy and cargo test only
#
# Whole logs are kept in target/test-logs.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C.UTF-8 CARGO_TERM_COLOR=never CARGO_TERM_PROGRESS_WHEN=never
# A red run is the change's own: inputs nobody has seen are for `cargo test --test fuzz` by hand and
# for fuzz/run.sh.
export TIOVIVO_FUZZ_SEED=${TIOVIVO_FUZZ_SEED:-20261123}

readonly LOGS=$PWD/target/test-logs
# A C compiler for ring, the other name servers that ours is compared with, servers to probe, and
# what counts instructions.
readonly PACKAGES=(
    gcc libc6-dev ca-certificates shellcheck faketime
    nsd knot knot-dnsutils knot-dnssecutils bind9-dnsutils bind9-utils ldnsutils dnsperf
    zonemaster-cli iproute2 util-linux nginx-light libnginx-mod-mail
    mariadb-server redis-server python3-grpcio openssl socat xinetd
    valgrind python3 python3-venv man-db binutils
    uwsgi-core uwsgi-plugin-python3
)
# What of a step's output is worth seeing while it runs.
readonly CLOSING_LINES='^(test result:|     Running|   Doc-tests|PASS |FAIL |SKIP |-- )'
readonly FAILED_TAIL=60

all_passed=0
all_failed=0
all_skipped=0
summary=()
# Root's own shell, with the Rust of the user who asked.
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n env "PATH=$PATH" "HOME=$HOME" "CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}"
    "RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}")

# The steps: name, minutes that it may take, command. A slow test is one more line here.
main() {
    case "${1:-}" in
    '' | --quick) ;;
    *)
        echo "usage: tests/all.sh [--quick]" >&2
        exit 2
        ;;
    esac
    mkdir -p "$LOGS"
    run packages 10 tests/packages.sh "${PACKAGES[@]}"
    run formatting 2 cargo fmt --all --check
    run clippy 15 cargo clippy --locked --all-targets -- -D warnings
    run "cargo test" 25 cargo test --locked --no-fail-fast
    if [ "${1:-}" != --quick ]; then
        run shellcheck 2 sh -c 'find . -path ./target -prune -o -name "*.sh" -print |
            xargs shellcheck --external-sources .ci/run'
        run deploy 15 tests/deploy.sh
        run "slow tests" 15 cargo test --locked --test it -- --ignored
        run fuzz 12 env TIOVIVO_FUZZ_SECONDS=60 cargo test --locked --test fuzz -- --nocapture
        run documentation 10 env RUSTDOCFLAGS=-Dwarnings cargo doc --locked --no-deps
        run "unit file" 5 tests/unit-file.sh
        run install 10 tests/install.sh
        run packages-of-debian 15 tests/deb.sh
        run vagrant 12 "${as_root[@]}" tests/vagrant.sh
        run cloud-init 12 "${as_root[@]}" tests/cloud-init.sh
        run provisioning 25 "${as_root[@]}" tests/provision.sh
        run dependencies 12 tests/deny.sh
        run instructions 25 bench/instructions.sh
        run image 20 "${as_root[@]}" tests/image.sh
    fi
    close
}

# run NAME MINUTES COMMAND...: with a time limit and without input; shows its closing lines, counts.
run() {
    local name=$1 minutes=$2 log=$LOGS/${1// /-}.log began=$SECONDS status passed failed skipped
    shift 2
    printf '\n=== %s\n' "$name"
    timeout --kill-after=60 "${minutes}m" "$@" </dev/null 2>&1 | tee "$log" |
        grep --line-buffered -E "$CLOSING_LINES"
    status=${PIPESTATUS[0]}
    read -r passed failed skipped < <(count "$log")
    # A step without tests of its own is one test; a step that fails has failed in something.
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
    if [ "$status" -eq 0 ] && [ $((passed + failed)) -eq 0 ]; then passed=1; fi
    if [ "$failed" -gt 0 ]; then show_failure "$log" "$status"; fi
    all_passed=$((all_passed + passed))
    all_failed=$((all_failed + failed))
    all_skipped=$((all_skipped + skipped))
    summary+=("$(printf '%-14s %5d s %6d passed %4d failed%s' "$name" $((SECONDS - began)) \
        "$passed" "$failed" "$(sed -n 's/^SKIP \([^:]*\).*/, \1/p' "$log" | tr -d '\n')")")
}

# The tests of a log, passed, failed and skipped: cargo's closing lines and the verdicts of shell tests.
count() {
    awk '
        /^test result:/ {
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^passed/) passed += $(i - 1)
                if ($i ~ /^failed/) failed += $(i - 1)
            }
        }
        /^PASS / { passed++ }
        /^FAIL / { failed++ }
        /^SKIP / { skipped++ }
        END { print passed + 0, failed + 0, skipped + 0 }' "$1"
}

show_failure() {
    local log=$1 status=$2
    # What cargo says of each failed test stands far above the end when many targets follow.
    sed -n '/^failures:$/,/^test result:/p' "$log" | tail -n 200
    printf '... the end of %s (status %s):\n' "$log" "$status"
    tail -n $FAILED_TAIL "$log"
}

close() {
    printf '\n=== summary, %d s\n' "$SECONDS"
    printf '%s\n' "${summary[@]}"
    local skipped=
    [ "$all_skipped" -eq 0 ] || skipped=", $all_skipped skipped"
    printf '%d passed, %d failed%s\n' "$all_passed" "$all_failed" "$skipped"
    [ "$all_failed" -eq 0 ]
    exit
}

main "$@"
