#!/bin/sh
# Installs tiovivo on this machine, or takes it away: the program (stripped), its unit for systemd,
# a manual page for each command, and completions for bash, zsh and fish. Configuration and state
# are the operator's: nothing here touches /etc/tiovivo and /var/lib/tiovivo.
#
#   cargo build --release && sudo packaging/install.sh
#   sudo packaging/install.sh uninstall
#
#   PREFIX    where to: /usr/local
#   DESTDIR   a folder that stands for the root, to make a package of: empty
#   BINARY    the program that was built: target/release/tiovivo
#   RUNNABLE  the same program for this machine, which prints manual pages and completions: BINARY
#   STRIP     strips programs of that machine: strip
set -eu
cd "$(dirname "$0")/.."

PREFIX=${PREFIX:-/usr/local}
DESTDIR=${DESTDIR:-}
BINARY=${BINARY:-target/release/tiovivo}
RUNNABLE=${RUNNABLE:-$BINARY}
STRIP=${STRIP:-strip}

bin=$DESTDIR$PREFIX/bin
unit=$DESTDIR$PREFIX/lib/systemd/system
man=$DESTDIR$PREFIX/share/man/man1
bash=$DESTDIR$PREFIX/share/bash-completion/completions
zsh=$DESTDIR$PREFIX/share/zsh/site-functions
fish=$DESTDIR$PREFIX/share/fish/vendor_completions.d
doc=$DESTDIR$PREFIX/share/doc/tiovivo

main() {
    case ${1:-install} in
    install) install_all ;;
    uninstall) uninstall_all ;;
    *)
        echo "usage: packaging/install.sh [install | uninstall]" >&2
        exit 2
        ;;
    esac
}

install_all() {
    if [ ! -x "$BINARY" ]; then
        echo "$BINARY is not there; build it by: cargo build --release" >&2
        exit 1
    fi
    aside=$(mktemp -d)
    trap 'rm -rf "$aside"' EXIT
    # All that can go wrong with the program goes wrong before anything is replaced.
    "$STRIP" --strip-debug -o "$aside/tiovivo" "$BINARY"
    chmod 755 "$aside/tiovivo"
    mkdir "$aside/man"
    "$RUNNABLE" man --to "$aside/man"
    for shell in bash zsh fish; do
        "$RUNNABLE" completions $shell >"$aside/$shell"
    done
    sed "s|/usr/local/bin/tiovivo|$PREFIX/bin/tiovivo|" packaging/tiovivo.service >"$aside/unit"

    install -d "$bin" "$unit" "$man" "$bash" "$zsh" "$fish" "$doc"
    # A running program is not written over: the new one takes its name in one step.
    install -m 755 "$aside/tiovivo" "$bin/.tiovivo.new"
    mv -f "$bin/.tiovivo.new" "$bin/tiovivo"
    install -m 644 "$aside/unit" "$unit/tiovivo.service"
    rm -f "$man/tiovivo.1" "$man"/tiovivo-*.1
    install -m 644 "$aside"/man/*.1 "$man/"
    install -m 644 "$aside/bash" "$bash/tiovivo"
    install -m 644 "$aside/zsh" "$zsh/_tiovivo"
    install -m 644 "$aside/fish" "$fish/tiovivo.fish"
    install -m 644 LICENSE-MIT LICENSE-APACHE "$doc/"
    echo "installed below $DESTDIR$PREFIX"
    if [ -z "$DESTDIR" ]; then
        echo "next: systemctl daemon-reload && systemctl enable --now tiovivo"
    fi
}

uninstall_all() {
    rm -f "$bin/tiovivo" "$unit/tiovivo.service" "$man/tiovivo.1" "$man"/tiovivo-*.1 \
        "$bash/tiovivo" "$zsh/_tiovivo" "$fish/tiovivo.fish" \
        "$doc/LICENSE-MIT" "$doc/LICENSE-APACHE"
    # Only folders of our own.
    [ ! -d "$doc" ] || rmdir --ignore-fail-on-non-empty "$doc"
    echo "removed from $DESTDIR$PREFIX; /etc/tiovivo and /var/lib/tiovivo are as they were"
}

main "$@"
