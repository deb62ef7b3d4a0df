#!/usr/bin/env bash
# Fuzzes one target with coverage in hand: fuzz/run.sh message|zone|config|node [SECONDS]
#
# Needs a nightly toolchain and cargo-fuzz (cargo install cargo-fuzz --locked). New inputs go to
# fuzz/corpus, findings to fuzz/artifacts; neither is committed. A finding becomes a unit test. The
# sanitizers for memory are left out: there is no unsafe code here, and it runs faster without.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${1:?message, zone, config or node}
seconds=${2:-600}
seeds=(tests/fuzz/seeds/"$target")
options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1)
case $target in
message) options+=(-max_len=2048) ;;
node) options+=(-max_len=16384 -dict=tests/fuzz/dictionaries/node.dict) ;;
zone)
    seeds+=(tests/zones tests/fuzz/world zones)
    options+=(-max_len=16384 -dict=tests/fuzz/dictionaries/zone.dict)
    ;;
config)
    seeds+=(tests/configs/broken tests/fuzz/world)
    options+=(-max_len=16384 -dict=tests/fuzz/dictionaries/config.dict)
    ;;
esac
mkdir -p fuzz/corpus/"$target"
# The example, with a zone file of the target's own folder.
[ "$target" != config ] || sed 's#zones/[^ ]*#zone#' config.yaml >fuzz/corpus/config/example
exec nice -n 10 cargo +nightly fuzz run --sanitizer none "$target" \
    fuzz/corpus/"$target" "${seeds[@]}" -- "${options[@]}"
