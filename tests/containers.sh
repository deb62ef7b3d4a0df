# shellcheck shell=bash
# Machines of Debian for tests: containers that boot systemd, in a network namespace of the test's own.
# Sourced after lib.sh, never run.
#
# The machine itself is the first address of that network, and is no node of it. A cache of Debian's
# packages there is the containers' only way out; it is kept in ~/.cache/tiovivo/debian-packages.
# A test sets `space` (the namespace), `net` (three numbers of its network) and `work` (its folder).
# shellcheck disable=SC2154

readonly CACHE_PORT=3153
# A larger cache is made anew, in mebibytes.
readonly CACHE_LIMIT=3072
cache_pid=''
declare -A machine_pid=() machine_address=() machine_root=()

# What this machine lacks for containers; nothing when they can run.
containers_obstacle() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "it needs root"
    elif ! unshare --net --mount true 2>/dev/null; then
        echo "this machine does not allow namespaces"
    fi
}

# A small copy of the built program, as $work/bin/tiovivo, first in PATH.
use_program() {
    local program
    program=$(find_program) || return 1
    mkdir -p "$work/bin"
    strip -o "$work/bin/tiovivo" "$program" || return 1
    PATH=$work/bin:$PATH
}

# --- network and packages ------------------------------------------------------------------------

make_network() {
    remove_network
    ip netns add "$space" || return 1
    ip -n "$space" link set dev lo up
    ip -n "$space" link add br0 type bridge && ip -n "$space" link set dev br0 up || return 1
    ip -n "$space" link add outside type veth peer name "${space:0:15}" netns $$ || return 1
    ip -n "$space" link set dev outside master br0 up || return 1
    ip address add "$net.1/24" dev "${space:0:15}" && ip link set dev "${space:0:15}" up
}

# Also what a killed run left: the pair of interfaces outlives a namespace with processes.
remove_network() {
    ip link delete dev "${space:0:15}" 2>/dev/null
    ip netns delete "$space" 2>/dev/null
    true
}

start_cache() {
    local folder=${XDG_CACHE_HOME:-$HOME/.cache}/tiovivo/debian-packages proxy
    mkdir -p "$folder" "$work/cache" || return 1
    exec 8>"$folder/lock"
    # One test at a time has the kept one.
    flock -n 8 || folder=$work/cache
    if [ "$(du -sm "$folder" | cut -f 1)" -gt $CACHE_LIMIT ]; then
        find "$folder" -mindepth 1 -not -name lock -delete
    fi
    proxy=$(apt-config dump Acquire::http::Proxy | sed -n 's/^Acquire::http::Proxy "\(http.*\)";$/Proxy: \1/p')
    # Settings of its own: Debian's send requests to a list of mirrors that is not there.
    cat >"$work/cache/acng.conf" <<-CONF
	CacheDir: $folder
	LogDir: $work/cache
	SocketPath: $work/cache/socket
	PidFile: $work/cache/pid
	BindAddress: $net.1
	Port: $CACHE_PORT
	$proxy
	CONF
    setsid apt-cacher-ng -c "$work/cache" ForeGround=1 >"$work/cache.log" 2>&1 8>&- &
    cache_pid=$!
    wait_for 20 curl -s -o /dev/null -m 2 "http://$net.1:$CACHE_PORT/"
}

# make_tree RELEASE FOLDER PACKAGE...: a minimal Debian with these packages.
make_tree() {
    local release=$1 tree=$2 mirror
    shift 2
    # shellcheck disable=SC2016 # apt's own placeholder
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' \
        'Codename: bookworm' | head -n 1)
    apt-config dump | grep -E '^Acquire::Check' >"$tree.apt"
    printf 'Acquire::http::Proxy "http://%s.1:%s";\n' "$net" $CACHE_PORT >>"$tree.apt"
    mmdebstrap --quiet --mode=root --variant=minbase --aptopt="$tree.apt" --dpkgopt=force-unsafe-io \
        --include="$(tr ' ' , <<<"$*")" "$release" "$tree" ${mirror:+"$mirror"} || return 1
    # Nothing here must survive a power cut, and syncing is most of the time.
    printf 'force-unsafe-io\n' >"$tree/etc/dpkg/dpkg.cfg.d/test"
    mv "$tree.apt" "$tree/etc/apt/apt.conf.d/90test"
    printf '127.0.0.1 localhost\n' >"$tree/etc/hosts"
    : >"$tree/etc/machine-id"
    # The same settings once more.
    rm -f "$tree/etc/hostname" "$tree/etc/apt/apt.conf.d/99mmdebstrap"
}

# --- machines ------------------------------------------------------------------------------------

# boot NAME ADDRESS ROOT ARGUMENT...: starts the system in the folder ROOT; its console is ROOT.log.
# The address is where `on` finds it. Further words are systemd-nspawn's.
boot() {
    local name=$1 address=$2 root=$3 legacy=()
    shift 3
    # systemd of Debian 13 boots on a machine with the old control groups only when told.
    if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
        legacy=(--setenv=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1
            "--setenv=SYSTEMD_PROC_CMDLINE=systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1")
    fi
    (
        enter_own_groups "$name"
        exec setsid nsenter --net="/run/netns/$space" systemd-nspawn --quiet --register=no --keep-unit \
            --machine="$name" --directory="$root" --network-bridge=br0 --capability=all \
            --resolv-conf=off --timezone=off --link-journal=no --console=pipe "${legacy[@]}" "$@" --boot
    ) >"$root.log" 2>&1 </dev/null 8>&- &
    machine_pid[$name]=$!
    machine_address[$name]=$address
    machine_root[$name]=$root
}

# can_boot NAME: whether that machine's systemd has begun. Where not, this machine runs no containers.
can_boot() { wait_for 30 test -s "${machine_root[$1]}/etc/machine-id" >/dev/null; }

# systemd-nspawn would put all machines that one shell starts into the same control group, where the
# systemd of each takes the processes of the others for its own.
enter_own_groups() {
    local group
    for group in $(own_groups "$1"); do
        mkdir -p "$group" && echo 0 >"$group/cgroup.procs"
    done 2>/dev/null
}

# The folders of a machine's control groups: in the new hierarchy, and in systemd's of the old ones.
own_groups() {
    awk -v group="$space.$1" '$3 == "cgroup2" || $4 ~ /name=systemd/ { print $2 "/" group }' /proc/mounts
}

# on NAME COMMAND...: on that machine, as root or as $on_user, by the key $work/key. ssh itself runs by
# the words in on_by.
on_by=()
on() {
    local name=$1
    shift
    "${on_by[@]}" ssh -i "$work/key" -p "${on_port:-22}" -o BatchMode=yes -o ConnectTimeout=5 \
        -o LogLevel=ERROR -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        "${on_user:-root}@${machine_address[$name]}" "$@"
}

# cleanup KEEP: for the trap at the end of a test; with KEEP everything goes on running.
cleanup() {
    local status=$? keep=$1
    trap - EXIT
    if [ "$failed" -gt 0 ]; then show_journals 20; fi
    if [ -n "$keep" ]; then
        printf -- '-- kept: %s\n' "$work"
        return $status
    fi
    step "tidying up"
    end_machines
    return $status
}

# Ends all that was started here, as a power cut would, and removes the test's folder.
end_machines() {
    local name pid group
    for name in "${!machine_pid[@]}"; do
        pid=${machine_pid[$name]}
        # Its only child is the container's first process, with which all others end.
        # shellcheck disable=SC2046
        kill -KILL $(cat "/proc/$pid/task/$pid/children" 2>/dev/null) "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    if [ -n "$cache_pid" ]; then
        kill "$cache_pid" 2>/dev/null
        wait "$cache_pid" 2>/dev/null
    fi
    remove_network
    for name in "${!machine_pid[@]}"; do
        for group in $(own_groups "$name"); do
            wait_for 10 remove_group "$group"
        done
    done
    # Deepest first: what stayed mounted must not be deleted through.
    awk -v top="$work/" 'index($2, top) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
    rm -rf --one-file-system "$work"
}

remove_group() {
    [ ! -e "$1" ] || find "$1" -depth -type d -exec rmdir {} +
}

# show_journals LINES: the end of each machine's journal, for a failed test.
show_journals() {
    local name
    for name in "${!machine_pid[@]}"; do
        printf -- '-- journal of %s\n' "$name"
        on "$name" timeout 10 journalctl --no-pager --lines "$1" 2>&1
    done
}
