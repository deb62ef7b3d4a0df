#!/usr/bin/env bash
# packaging/install.sh: into folders of the test's own, and out of them again; systemd finds the
# program and the manual page that the unit names.
#
# Takes the debug build, which `cargo test` has made before.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

readonly BINARY=${BINARY:-target/debug/tiovivo}
export LC_ALL=C SYSTEMD_COLORS=0 BINARY

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
readonly prefix=$folder/usr

main() {
    check "systemd, man and strip can be installed" need_packages systemd man-db binutils || return
    [ -x "$BINARY" ] || check "the program is built" cargo build --locked || return

    check "everything is installed below PREFIX" install_below_prefix || return
    check "each file is where its reader looks for it" files_are_there "$prefix"
    check "the program has no debug information, and runs" program_is_stripped
    check "each command has a manual page that man can read" pages_can_be_read
    check "bash takes the completions" completions_work
    check "systemd-analyze has nothing to say about the unit" unit_has_no_fault
    check "installing again changes nothing" install_again
    check "uninstall leaves no file of ours, and those of others" uninstall_leaves_nothing
    check "DESTDIR stands before every path, and in no file" destdir_is_for_packages
    check "a program that is not there is told of, and nothing changes" tells_a_missing_program
}

install_below_prefix() { PREFIX=$prefix packaging/install.sh; }

files_are_there() {
    local file
    for file in bin/tiovivo lib/systemd/system/tiovivo.service share/man/man1/tiovivo.1 \
        share/man/man1/tiovivo-check.1 share/man/man1/tiovivo-token-new.1 \
        share/bash-completion/completions/tiovivo share/zsh/site-functions/_tiovivo \
        share/fish/vendor_completions.d/tiovivo.fish share/doc/tiovivo/LICENSE-MIT; do
        [ -s "$1/$file" ] || { echo "$file is missing"; return 1; }
    done
    [ "$(stat -c %a "$1/bin/tiovivo")" = 755 ] && [ "$(stat -c %a "$1/share/man/man1/tiovivo.1")" = 644 ]
}

program_is_stripped() {
    "$prefix/bin/tiovivo" --version && ! readelf -S "$prefix/bin/tiovivo" | grep -F .debug_info
}

pages_can_be_read() {
    local command pages=0
    for command in "" $("$prefix/bin/tiovivo" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
        [ "$command" = help ] && continue
        MANPATH=$prefix/share/man man --warnings -l "$prefix/share/man/man1/tiovivo${command:+-$command}.1" \
            >/dev/null || return 1
        pages=$((pages + 1))
    done
    [ $pages -ge 15 ]
}

completions_work() {
    bash -c '. "$1" && complete -p tiovivo' - "$prefix/share/bash-completion/completions/tiovivo"
}

# Also a line that systemd does not know is only a warning: none may be printed.
unit_has_no_fault() {
    local said
    said=$(MANPATH=$prefix/share/man systemd-analyze verify --recursive-errors=no \
        "$prefix/lib/systemd/system/tiovivo.service" 2>&1) && ! grep -F tiovivo <<<"$said"
}

install_again() {
    local before after
    before=$(cd "$prefix" && find . -type f -exec sha256sum {} + | sort)
    install_below_prefix || return 1
    after=$(cd "$prefix" && find . -type f -exec sha256sum {} + | sort)
    [ "$before" = "$after" ]
}

uninstall_leaves_nothing() {
    touch "$prefix/share/man/man1/tiovivoli.1"
    PREFIX=$prefix packaging/install.sh uninstall || return 1
    [ "$(cd "$prefix" && find . -type f)" = ./share/man/man1/tiovivoli.1 ]
}

destdir_is_for_packages() {
    DESTDIR=$folder/root PREFIX=/usr packaging/install.sh || return 1
    files_are_there "$folder/root/usr" || return 1
    grep -qx 'ExecStart=/usr/bin/tiovivo serve --config /etc/tiovivo/config.yaml' \
        "$folder/root/usr/lib/systemd/system/tiovivo.service" || return 1
    ! grep -rF "$folder" "$folder/root/usr/lib" "$folder/root/usr/share"
}

tells_a_missing_program() {
    ! env BINARY="$folder/none" PREFIX="$folder/other" packaging/install.sh && [ ! -e "$folder/other" ]
}

main
verdict install
