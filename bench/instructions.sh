#!/usr/bin/env bash
# Instructions that the server executes for a query, counted by valgrind's callgrind: a figure that
# does not depend on the machine's speed or load. Fails when it is more than 5 % above the one in
# bench/instructions.txt.
#
#   bench/instructions.sh             build, count, compare
#   bench/instructions.sh --accept    the same, and keep the new figure
#
# Counted are all instructions of the process outside of the kernel. The questions (see
# bench/lib/wire.py) are sent one at a time; a run with many of them less a run with few leaves out
# what start and stop cost. Each run hashes with other seeds: the median of RUNS is told.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

readonly KEPT=bench/instructions.txt
readonly FEW=2000 MANY=12000
readonly RUNS=3
# Percent above the kept figure, and below it so that a gain is not given away again in silence.
readonly TOLERANCE=5
# Seconds until a server under valgrind answers.
readonly START_LIMIT=60
readonly SERVER=target/release/tiovivo

folder=$(mktemp -d)
server=
trap 'stop_server; rm -rf "$folder"' EXIT

main() {
    local accept='' kept figures figure run
    case "${1:-}" in
    --accept) accept=yes ;;
    '') ;;
    *)
        echo "usage: bench/instructions.sh [--accept]" >&2
        exit 2
        ;;
    esac
    need_packages valgrind python3 || exit 1
    cargo build --locked --release || exit 1
    write_config
    figures=()
    for ((run = 0; run < RUNS; run++)); do
        figures+=("$(per_query)") || exit 1
    done
    figure=$(printf '%s\n' "${figures[@]}" | sort -n | sed -n "$(((RUNS + 1) / 2))p")
    kept=$(grep -v '^#' "$KEPT")
    printf -- '-- runs: %s\n' "${figures[*]}"
    judge "$figure" "$kept" && [ -z "$accept" ] && return
    if [ -n "$accept" ]; then
        sed -i "s/^[0-9].*/$figure/" "$KEPT"
        echo "$KEPT says $figure now; commit it with the reason"
    fi
}

judge() {
    local what="$1 instructions a query (kept: $2, at most +$TOLERANCE %)"
    if [ $(($1 * 100)) -gt $(($2 * (100 + TOLERANCE))) ]; then
        fail "$what"
        echo "     If that is the price of something good: bench/instructions.sh --accept"
        return 1
    fi
    pass "$what"
    if [ $(($1 * 100)) -lt $(($2 * (100 - TOLERANCE))) ]; then
        echo "     Better by more than $TOLERANCE %: keep it by bench/instructions.sh --accept"
    fi
}

# A pool of eight whose members are asked once a day, so that probes are the same in each run.
write_config() {
    local node
    {
        echo "server: { listen: ['127.0.0.1:0'], dashboard: off, workers: 1, state: state }"
        echo "zones: [{ apex: midominio.com, file: zone }]"
        echo "pools:"
        echo "  web:"
        echo "    names: [midominio.com, www.midominio.com]"
        echo "    members: { role: child }"
        echo "    check: { tcp: { port: 1 }, every: 1d, timeout: 1s }"
        echo "nodes:"
        for node in 1 2 3 4 5 6 7 8; do
            echo "  child-$node: { role: child, address: 127.0.1.$node }"
        done
    } >"$folder/config.yaml"
    cat >"$folder/zone" <<'ZONE'
$ORIGIN midominio.com.
$TTL 1h
@    SOA ns1 hostmaster 1 14400 3600 1209600 300
@    NS  ns1
@    NS  ns2
ns1  A   127.0.0.53
ns2  A   127.0.0.54
ZONE
}

per_query() {
    local few many
    few=$(count "$FEW") && many=$(count "$MANY") || return 1
    echo $(((many - few) / (MANY - FEW)))
}

# count QUERIES: what a server executes that gets so many.
count() {
    local log=$folder/log profile=$folder/profile status
    rm -rf "$folder/state" "$profile" "$log"
    valgrind --tool=callgrind --callgrind-out-file="$profile" \
        "$SERVER" serve --config "$folder/config.yaml" >"$log" 2>&1 &
    server=$!
    wait_for $START_LIMIT port >&2 && python3 bench/lib/one_by_one.py "$(port)" "$1"
    status=$?
    stop_server
    if [ $status -ne 0 ]; then
        cat "$log" >&2
        return 1
    fi
    awk '/^totals:/ { print $2; found = 1 } END { exit !found }' "$profile"
}

# Once the first round of probes is over, so that its end lies before the questions of either run.
port() {
    grep -q ' ready$' "$folder/log" &&
        sed -n 's/.* answering on 127\.0\.0\.1:\([0-9]*\),.*/\1/p' "$folder/log" | grep .
}

stop_server() {
    [ -n "$server" ] || return 0
    kill -TERM "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=
}

main "$@"
