#!/usr/bin/env bash
# Tests of deploy/ that need no cluster, and of the example application: pytest in an environment of
# its own below target/. The loader of releases is tried with Debian's uwsgi, under load.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$PWD/target/deploy-tests
readonly REQUIREMENTS=(
    deploy/requirements.txt tests/deploy/requirements.txt examples/django/site/requirements.txt
)

main() {
    make_environment
    # The verdicts as tests/all.sh counts them.
    "$venv/bin/python" -m pytest -q -rA --tb=short -p no:cacheprovider "${@:-tests/deploy}" |
        sed -u 's/^PASSED /PASS /; s/^FAILED /FAIL /; s/^ERROR /FAIL /; s/^SKIPPED /SKIP /'
    if [ $# -eq 0 ]; then test_example; fi
}

# The example application has tests of its own, in Django's way.
test_example() {
    local said
    if said=$("$venv/bin/python" examples/django/site/manage.py test videos 2>&1); then
        printf 'PASS the example application: %s\n' "$(grep '^Ran ' <<<"$said")"
    else
        printf '%s\nFAIL the example application\n' "$said"
        return 1
    fi
}

make_environment() {
    local wanted
    wanted=$(cat "${REQUIREMENTS[@]}" | sha256sum)
    if [ "$(cat "$venv/complete" 2>/dev/null)" = "$wanted" ]; then return; fi
    rm -rf "$venv"
    # Debian's Python, which is that of the nodes and of uwsgi.
    /usr/bin/python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        "${REQUIREMENTS[@]/#/--requirement=}"
    printf '%s' "$wanted" >"$venv/complete"
}

main "$@"
