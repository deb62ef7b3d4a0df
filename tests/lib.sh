# shellcheck shell=bash
# What the shell tests share: verdicts, waiting with a bound, packages. Sourced, never run.
#
# A verdict is a line that begins with PASS, FAIL or SKIP: tests/all.sh counts them.

passed=0
failed=0
skipped=0

pass() { printf 'PASS %s\n' "$1"; passed=$((passed + 1)); }
fail() { printf 'FAIL %s\n' "$1"; failed=$((failed + 1)); }
# skip WORDS: what was not looked at. It is no pass, and stands in the summary of tests/all.sh.
skip() { printf 'SKIP %s\n' "$1"; skipped=$((skipped + 1)); }

# check NAME COMMAND...: passes when the command does; its output is shown when it does not.
# The command runs in this very shell: what it sets stays set.
check_output=
check() {
    local name=$1
    shift
    [ -n "$check_output" ] || check_output=$(mktemp)
    if "$@" >"$check_output" 2>&1 </dev/null; then
        pass "$name"
    else
        fail "$name"
        tail -n 30 "$check_output" | sed 's/^/     /'
        return 1
    fi
}

# wait_for SECONDS COMMAND...: until the command succeeds; its last output and status when it never does.
wait_for() {
    local end=$((SECONDS + $1)) output
    shift
    until output=$("$@" 2>&1); do
        if [ "$SECONDS" -ge "$end" ]; then
            printf 'not within its time: %s\n%s\n' "$*" "$output"
            return 1
        fi
        sleep 0.2
    done
}

# step WORDS...: how long the step before took, and what comes now.
step_began=$SECONDS
step() {
    printf -- '--   %d s\n-- %s\n' "$((SECONDS - step_began))" "$*"
    step_began=$SECONDS
}

# The closing line of a script; its exit status says whether anything failed.
verdict() {
    rm -f "${check_output:-}"
    local not=
    [ "$skipped" -eq 0 ] || not=", $skipped not looked at"
    printf -- '-- %s: %d good, %d bad%s, in %d s\n' "$1" "$passed" "$failed" "$not" "$SECONDS"
    [ "$failed" -eq 0 ]
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# need_packages PACKAGE...: installs the ones that are missing, and starts none of their services.
need_packages() {
    local missing=() package policy=/usr/sbin/policy-rc.d status=0
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    printf -- '-- installing %s\n' "${missing[*]}"
    if [ -e "$policy" ]; then policy=; else
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    if ! as_root apt-get update -qq </dev/null ||
        ! as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
            apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null; then
        status=1
    fi
    [ -z "$policy" ] || as_root rm -f "$policy"
    return $status
}

# The program to test or to install: $TIOVIVO, or what was built, the release first.
find_program() {
    local candidate
    for candidate in "${TIOVIVO:-}" target/release/tiovivo target/debug/tiovivo; do
        if [ -x "$candidate" ]; then
            echo "$candidate"
            return
        fi
    done
    cargo build --locked >&2 && echo target/debug/tiovivo
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }
