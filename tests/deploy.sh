#!/usr/bin/env bash
# Tests of deploy/ that need no cluster, and of the example application: pytest in an environment of
# its own below target/. The loader of releases is tried with Debian's uwsgi, under load.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$PWD/target/deploy-tests

main() {
    make_environment
    # The verdicts as tests/all.sh counts them.
    "$venv/bin/python" -m pytest -q -rA --tb=short -p no:cacheprovider "${@:-tests/deploy}" |
        sed -u 's/^PASSED /PASS /; s/^FAILED /FAIL /; s/^ERROR /FAIL /; s/^SKIPPED /SKIP /'
}

make_environment() {
    local wanted
    wanted=$(cat deploy/requirements.txt tests/deploy/requirements.txt | sha256sum)
    if [ "$(cat "$venv/complete" 2>/dev/null)" = "$wanted" ]; then return; fi
    rm -rf "$venv"
    # Debian's Python, which is that of the nodes and of uwsgi.
    /usr/bin/python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        -r deploy/requirements.txt -r tests/deploy/requirements.txt
    printf '%s' "$wanted" >"$venv/complete"
}

main "$@"
