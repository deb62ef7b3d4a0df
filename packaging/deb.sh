#!/bin/sh
# Makes two Debian packages: tiovivo (program, unit, manual pages, completions, user, configuration)
# and tiovivo-dbgsym (debug information of exactly this program). Needs dpkg-deb and binutils.
#
#   cargo build --release && packaging/deb.sh [FOLDER]
#
#   FOLDER    where to: target/debian
#   BINARY    the program that was built: target/release/tiovivo. Its ELF header says for which
#             architecture
#   RUNNABLE  the same program for this machine, which prints manual pages and completions: BINARY
#   VERSION   that of the package: Cargo.toml's, and -1
#   COMPRESSION  as dpkg-deb names it: xz
set -eu
cd "$(dirname "$0")/.."

BINARY=${BINARY:-target/release/tiovivo}
RUNNABLE=${RUNNABLE:-$BINARY}
VERSION=${VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)-1}
COMPRESSION=${COMPRESSION:-xz}
out=${1:-target/debian}
maintainer='The tiovivo authors <tiovivo@packages.example.org>'
# Two builds of one commit are equal.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
umask 022

main() {
    if [ ! -x "$BINARY" ]; then
        echo "$BINARY is not there; build it by: cargo build --release" >&2
        exit 1
    fi
    arch=$(architecture)
    build_id=$(readelf -n "$BINARY" | sed -n 's/.*Build ID: //p')
    if [ -z "$build_id" ]; then
        echo "$BINARY has no build ID, by which a debugger finds its debug file" >&2
        exit 1
    fi
    aside=$(mktemp -d)
    trap 'rm -rf "$aside"' EXIT
    root=$aside/tiovivo
    debug=$aside/tiovivo-dbgsym

    BINARY=$BINARY RUNNABLE=$RUNNABLE STRIP=$(tool strip) PREFIX=/usr DESTDIR=$root packaging/install.sh >/dev/null
    split_debug_file
    add_configuration
    add_documents
    add_control
    mkdir -p "$out"
    pack "$root" tiovivo

    mkdir -p "$debug/usr/share/doc"
    ln -s tiovivo "$debug/usr/share/doc/tiovivo-dbgsym"
    add_control_of_debug
    pack "$debug" tiovivo-dbgsym
}

architecture() {
    case $(readelf -h "$BINARY" | sed -n 's/^ *Machine: *//p') in
    *X86-64*) echo amd64 ;;
    AArch64) echo arm64 ;;
    *)
        echo "$BINARY is for a machine that there is no package for: amd64 and arm64" >&2
        exit 1
        ;;
    esac
}

# The debug file is found by the build ID, which the program keeps.
split_debug_file() {
    rest=${build_id#??}
    file=$debug/usr/lib/debug/.build-id/${build_id%"$rest"}/$rest.debug
    mkdir -p "$(dirname "$file")"
    "$(tool objcopy)" --only-keep-debug --compress-debug-sections "$BINARY" "$file"
    chmod 644 "$file"
    "$(tool strip)" --strip-unneeded --remove-section=.comment "$root/usr/bin/tiovivo"
}

# That of the program's architecture: `aarch64-linux-gnu-strip` on other machines.
tool() {
    case $arch in
    arm64) prefix=aarch64-linux-gnu- ;;
    *) prefix=x86_64-linux-gnu- ;;
    esac
    if command -v "$prefix$1" >/dev/null; then echo "$prefix$1"; else echo "$1"; fi
}

add_configuration() {
    install -D -m 644 packaging/debian/config.yaml "$root/etc/tiovivo/config.yaml"
    install -D -m 644 packaging/debian/sysusers.conf "$root/usr/lib/sysusers.d/tiovivo.conf"
    gzip -9n "$root"/usr/share/man/man1/*.1
    # Debian has one file for the licences.
    rm -f "$root"/usr/share/doc/tiovivo/LICENSE-*
    # Fish has its folder for packages elsewhere than for programs in /usr/local.
    mkdir -p "$root/usr/share/zsh/vendor-completions"
    mv "$root/usr/share/zsh/site-functions/_tiovivo" "$root/usr/share/zsh/vendor-completions/"
    rmdir "$root/usr/share/zsh/site-functions"
    mkdir -p "$root/lib"
    mv "$root/usr/lib/systemd" "$root/lib/systemd"
}

add_documents() {
    folder=$root/usr/share/doc/tiovivo
    install -D -m 644 packaging/debian/copyright "$folder/copyright"
    printf 'tiovivo (%s) unstable; urgency=medium\n\n  * See NEWS.gz.\n\n -- %s  %s\n' \
        "$VERSION" "$maintainer" "$(LC_ALL=C date -uRd "@$SOURCE_DATE_EPOCH")" |
        gzip -9n >"$folder/changelog.Debian.gz"
    gzip -9nc CHANGELOG.md >"$folder/NEWS.gz"
    chmod 644 "$folder"/*.gz
}

add_control() {
    mkdir -p "$root/DEBIAN"
    {
        printf 'Package: tiovivo\nVersion: %s\nArchitecture: %s\n' "$VERSION" "$arch"
        printf 'Maintainer: %s\nSection: net\nPriority: optional\n' "$maintainer"
        printf 'Depends: libc6 (>= %s), libgcc-s1 (>= 4.2), %s\n' "$(libc_version)" \
            'systemd | systemd-standalone-sysusers | systemd-sysusers'
        printf 'Installed-Size: %s\n' "$(du -sk --apparent-size "$root" | cut -f 1)"
        printf 'Description: authoritative DNS server that answers with the nodes that are alive\n'
        printf ' tiovivo answers A and AAAA for every healthy node of a cluster, in round\n'
        printf ' robin. It probes the nodes itself, drops those that fail, and shows why on\n'
        printf ' a page of its own.\n'
    } >"$root/DEBIAN/control"
    echo /etc/tiovivo/config.yaml >"$root/DEBIAN/conffiles"
    for script in postinst prerm postrm; do
        install -m 755 "packaging/debian/$script" "$root/DEBIAN/$script"
    done
}

add_control_of_debug() {
    mkdir -p "$debug/DEBIAN"
    {
        printf 'Package: tiovivo-dbgsym\nSource: tiovivo\nVersion: %s\n' "$VERSION"
        printf 'Architecture: %s\nMaintainer: %s\n' "$arch" "$maintainer"
        printf 'Auto-Built-Package: debug-symbols\nSection: debug\nPriority: optional\n'
        printf 'Depends: tiovivo (= %s)\nBuild-Ids: %s\n' "$VERSION" "$build_id"
        printf 'Installed-Size: %s\n' "$(du -sk --apparent-size "$debug" | cut -f 1)"
        printf 'Description: debug symbols for tiovivo\n'
    } >"$debug/DEBIAN/control"
}

# The newest version of glibc that a symbol of the program asks for.
libc_version() {
    readelf --version-info --wide "$BINARY" | grep -o 'GLIBC_2\.[0-9]*' | sed 's/GLIBC_//' |
        sort -t. -k2 -n | tail -n 1
}

# pack ROOT NAME
pack() {
    (cd "$1" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z |
        xargs -0 md5sum >DEBIAN/md5sums)
    find "$1" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Z"$COMPRESSION" --build "$1" "$out/$2_${VERSION}_$arch.deb" >/dev/null
    echo "$out/$2_${VERSION}_$arch.deb"
}

main
