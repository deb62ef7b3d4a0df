#!/usr/bin/env bash
# packaging/deb.sh: the Debian packages are without an error for lintian; in a root of Debian 12 that
# has never seen them they are installed, upgraded, removed and purged.
#
# Takes the debug build, which `cargo test` has made before. The root is made once and kept in
# target/debian-roots.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

readonly RELEASE=${RELEASE:-bookworm}
export BINARY=${BINARY:-target/debug/tiovivo} LC_ALL=C.UTF-8
# Small is not what is tested.
export COMPRESSION=gzip

folder=$(mktemp -d)
# Nothing is mounted below the root: it can be removed as any folder.
trap 'as_root rm -rf "$folder"' EXIT
readonly root=$folder/root

main() {
    check "what makes and judges packages can be installed" \
        need_packages binutils mmdebstrap lintian || return
    [ -x "$BINARY" ] || check "the program is built" cargo build --locked || return

    check "two versions of the packages are made" make_packages || return
    check "the program is stripped, and its debug file is apart" debug_file_is_apart
    check "lintian finds no error" lintian_finds_no_error
    if ! fresh_root; then
        skip "installing: there is no root of Debian ($RELEASE) to be had here"
        return
    fi
    check "it is installed, with a user of its own" install_first
    check "program, unit, manual pages and completions are there" files_are_there
    check "what the operator wrote stays in an upgrade" upgrade_keeps_configuration
    check "removed, configuration and state stay" remove_keeps_configuration
    check "purged, only files of others are left" purge_leaves_nothing
}

make_packages() {
    VERSION=0.1.0-1 packaging/deb.sh "$folder/first" && VERSION=0.1.0-2 packaging/deb.sh "$folder/second"
}

# package FOLDER NAME: the path of the package.
package() { find "$folder/$1" -name "$2_*.deb"; }

debug_file_is_apart() {
    local aside=$folder/aside id
    dpkg-deb -x "$(package first tiovivo)" "$aside" || return 1
    dpkg-deb -x "$(package first tiovivo-dbgsym)" "$aside" || return 1
    ! readelf -S "$aside/usr/bin/tiovivo" | grep -E '\.debug_info|\.symtab' || return 1
    id=$(readelf -n "$aside/usr/bin/tiovivo" | sed -n 's/.*Build ID: //p')
    readelf -S "$aside/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug" | grep -F .debug_line
}

lintian_finds_no_error() {
    timeout 300 lintian --allow-root --fail-on error "$(package first tiovivo)" "$(package first tiovivo-dbgsym)"
}

# Unpacked from a copy that was made once, so that each run has one that nobody has touched.
fresh_root() {
    local kept=target/debian-roots/$RELEASE.tar
    mkdir -p target/debian-roots "$root"
    if [ ! -s "$kept" ]; then
        step "a root of Debian $RELEASE"
        as_root timeout 420 mmdebstrap --variant=minbase --include=systemd-standalone-sysusers \
            "$RELEASE" "$kept.new.tar" >"$folder/root.log" 2>&1 ||
            { tail -n 5 "$folder/root.log"; return 1; }
        as_root mv -f "$kept.new.tar" "$kept" || return 1
    fi
    as_root tar -C "$root" -xf "$kept"
}

inside() { as_root chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"; }

# put FOLDER: its packages are in the root as /new.
put() {
    as_root rm -rf "$root/new" && as_root cp -r "$folder/$1" "$root/new"
}

install_first() {
    put first && inside sh -c 'dpkg -i /new/*.deb' || return 1
    inside getent passwd tiovivo && inside tiovivo --version
}

files_are_there() {
    local file
    for file in usr/bin/tiovivo lib/systemd/system/tiovivo.service usr/lib/sysusers.d/tiovivo.conf \
        usr/share/man/man1/tiovivo.1.gz usr/share/man/man1/tiovivo-inventory.1.gz \
        usr/share/bash-completion/completions/tiovivo usr/share/zsh/vendor-completions/_tiovivo \
        usr/share/fish/vendor_completions.d/tiovivo.fish usr/share/doc/tiovivo/copyright \
        etc/tiovivo/config.yaml; do
        [ -s "$root/$file" ] || { echo "$file is missing"; return 1; }
    done
    grep -qx 'ExecStart=/usr/bin/tiovivo serve --config /etc/tiovivo/config.yaml' \
        "$root/lib/systemd/system/tiovivo.service" || return 1
    # Each file belongs to root, and the machine is not open to others.
    ! inside dpkg -L tiovivo | inside xargs stat -c '%u:%g %n' | grep -v '^0:0 ' || return 1
    inside dpkg --verify tiovivo
}

upgrade_keeps_configuration() {
    inside sh -c 'echo "# mine" >>/etc/tiovivo/config.yaml; echo zone >/etc/tiovivo/mine.zone' || return 1
    inside sh -c 'mkdir -p /var/lib/tiovivo; echo "{}" >/var/lib/tiovivo/health.json' || return 1
    put second && inside sh -c 'dpkg -i /new/*.deb' || return 1
    inside dpkg -s tiovivo | grep -qx 'Version: 0.1.0-2' &&
        inside grep -qx '# mine' /etc/tiovivo/config.yaml && [ -s "$root/var/lib/tiovivo/health.json" ]
}

remove_keeps_configuration() {
    inside dpkg -r tiovivo-dbgsym tiovivo || return 1
    [ ! -e "$root/usr/bin/tiovivo" ] && [ ! -e "$root/lib/systemd/system/tiovivo.service" ] &&
        inside grep -qx '# mine' /etc/tiovivo/config.yaml && [ -s "$root/var/lib/tiovivo/health.json" ]
}

purge_leaves_nothing() {
    local left
    inside dpkg -P tiovivo-dbgsym tiovivo || return 1
    left=$(as_root find "$root/etc" "$root/usr" "$root/var/lib" "$root/lib/systemd" -name '*tiovivo*' \
        -not -path '*/dpkg/*')
    [ "$left" = "$root/etc/tiovivo" ] && [ "$(as_root ls "$root/etc/tiovivo")" = mine.zone ]
}

main
verdict deb
