"""The same site as each name server wants it configured: zones, pools of nodes, and how nodes are
checked where the server can do that. Each function writes below `folder` and returns a `Start`."""
import os
from dataclasses import dataclass, field

from lib import procs
from lib.wire import ZONE

PORT = 53
CHECK_PORT = 8080
TTL = 30


def node_address(index):
    """Loopback stands for the nodes: any address of 127/8 answers."""
    return f"127.1.{index // 250}.{1 + index % 250}"


@dataclass
class Check:
    kind: str = "http"
    every: float = 5.0
    timeout: float = 2.0
    fall: int = 3
    rise: int = 2


@dataclass
class Pool:
    names: list
    members: list
    max_answers: int = 256


@dataclass
class Site:
    """`records` are lines of the zone file beside SOA, NS and the pools' names."""
    zones: list = field(default_factory=lambda: [ZONE])
    records: str = ""
    pools: list = field(default_factory=list)
    check: Check = field(default_factory=Check)

    def head(self, apex):
        return (f"$ORIGIN {apex}.\n$TTL 3600\n"
                f"@ IN SOA ns1.{apex}. hostmaster.{apex}. 1 14400 3600 1209600 30\n"
                f"@ IN NS ns1.{apex}.\n@ IN NS ns2.{apex}.\n"
                f"ns1 IN A 127.0.0.53\nns2 IN A 127.0.0.54\n" + self.records)

    def write_head(self, folder, extra=lambda apex: ""):
        os.makedirs(folder, exist_ok=True)
        for apex in self.zones:
            with open(os.path.join(folder, apex), "w") as file:
                file.write(self.head(apex) + extra(apex))

    def write_static(self, folder):
        """Pools as plain records, for servers that check nobody."""
        lines = {apex: [] for apex in self.zones}
        for pool in self.pools:
            for name in pool.names:
                lines[self.apex_of(name)] += [f"{name}. {TTL} IN A {a}\n" for a in pool.members]
        self.write_head(folder, lambda apex: "".join(lines[apex]))

    def apex_of(self, name):
        return max((z for z in self.zones if name == z or name.endswith("." + z)), key=len)


@dataclass
class Start:
    address: tuple
    command: str


def standard(check=None):
    """What the comparison serves: eight nodes under two names."""
    nodes = [node_address(index) for index in range(8)]
    return Site(pools=[Pool([ZONE, "www." + ZONE], nodes)], check=check or Check())


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def echo(address):
    return Start((address, PORT), f"{procs.ECHO} {address}:{PORT}")


def tiovivo(folder, site, address, dashboard="off", server="", binary=procs.TIOVIVO):
    here = os.path.join(folder, "tiovivo" + address)
    site.write_head(here)
    nodes = sorted({node for pool in site.pools for node in pool.members})
    check = site.check
    probe = (f"http: {{ port: {CHECK_PORT}, path: / }}" if check.kind == "http"
             else f"tcp: {{ port: {CHECK_PORT} }}")
    counts = (f"every: {check.every * 1000:.0f}ms, timeout: {check.timeout * 1000:.0f}ms, "
              f"fall: {check.fall}, rise: {check.rise}")
    name = lambda node: "n" + node.replace(".", "-")
    lines = [f"server: {{ listen: ['{address}:{PORT}'], dashboard: '{dashboard}', workers: 1, "
             f"state: state{server} }}", "zones:"]
    lines += [f"  - {{ apex: {apex}, file: {apex} }}" for apex in site.zones]
    lines += ["pools:"] if site.pools else []
    for index, pool in enumerate(site.pools):
        members = ", ".join(map(name, pool.members))
        lines += [f"  p{index}:", f"    names: [{', '.join(pool.names)}]",
                  f"    members: [{members}]", f"    ttl: {TTL}",
                  f"    max_answers: {pool.max_answers}",
                  # Rounds of the same harm are no flapping.
                  "    damping: off", f"    check: {{ {probe}, {counts} }}"]
    lines += ["nodes:"]
    lines += [f"  {name(node)}: {{ role: child, address: {node} }}" for node in nodes]
    lines += ["  ns1: { role: dns, address: 127.0.0.53 }"]
    write(f"{here}/config.yaml", "\n".join(lines) + "\n")
    return Start((address, PORT), f"{binary} serve --config {here}/config.yaml")


def gdnsd(folder, site, address):
    """Pools are `multifo` resources; a check of kind `none` takes its built-in service `up`."""
    here, check = os.path.join(folder, "gdnsd" + address), site.check
    for part in ("run", "state"):
        os.makedirs(f"{here}/{part}")
    plugin = {"http": f"plugin => http_status, port => {CHECK_PORT}, url_path => /,",
              "tcp": f"plugin => tcp_connect, port => {CHECK_PORT},"}.get(check.kind)
    # Whole seconds, and the interval longer than the timeout: 2 s and 1 s are its shortest.
    timeout = max(1, round(check.timeout))
    service = "" if not plugin else (
        f"service_types => {{ nodes => {{ {plugin} "
        f"interval => {max(timeout + 1, round(check.every))}, timeout => {timeout}, "
        f"up_thresh => {check.rise}, ok_thresh => {check.rise}, down_thresh => {check.fall} }} }}\n")
    lines = {apex: [] for apex in site.zones}
    resources = []
    for index, pool in enumerate(site.pools):
        members = " ".join(f"n{n} => {a}" for n, a in enumerate(pool.members))
        resources.append(f"      p{index} => {{ {members} }}\n")
        for name in pool.names:
            lines[site.apex_of(name)].append(f"{name}. {TTL} DYNA multifo!p{index}\n")
    site.write_head(f"{here}/zones", lambda apex: "".join(lines[apex]))
    plugins = "" if not resources else (
        "plugins => { multifo => {\n"
        f"      service_types => {'nodes' if plugin else 'up'}\n{''.join(resources)} }} }}\n")
    write(f"{here}/config", f"options => {{ listen => {address}:{PORT}, udp_threads => 1, "
          f"tcp_threads => 1, run_dir => {here}/run, state_dir => {here}/state }}\n"
          f"{service}{plugins}")
    return Start((address, PORT), f"gdnsd -c {here} start")


def nsd(folder, site, address):
    here = os.path.join(folder, "nsd")
    site.write_static(f"{here}/zones")
    zones = "".join(f'zone:\n  name: "{z}"\n  zonefile: "{z}"\n' for z in site.zones)
    write(f"{here}/nsd.conf", f"""server:
  server-count: 1
  ip-address: {address}@{PORT}
  username: ""
  zonesdir: "{here}/zones"
  database: ""
  pidfile: "{here}/pid"
  xfrdfile: "{here}/xfrd"
  zonelistfile: "{here}/list"
  xfrdir: "{here}"
  round-robin: yes
  minimal-responses: yes
  rrl-ratelimit: 0
remote-control:
  control-enable: no
{zones}""")
    return Start((address, PORT), f"nsd -d -c {here}/nsd.conf")


def knot(folder, site, address):
    here = os.path.join(folder, "knot")
    site.write_static(f"{here}/zones")
    zones = "".join(f"  - domain: {z}\n    file: {z}\n" for z in site.zones)
    write(f"{here}/knot.conf", f"""server:
    listen: {address}@{PORT}
    rundir: {here}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    answer-rotation: on
log:
  - target: stderr
    any: warning
database:
    storage: {here}/db
template:
  - id: default
    storage: {here}/zones
    zonefile-sync: -1
    journal-content: none
zone:
{zones}""")
    return Start((address, PORT), f"knotd -c {here}/knot.conf")


def bind(folder, site, address):
    here = os.path.join(folder, "bind")
    site.write_static(f"{here}/zones")
    zones = "".join(f'zone "{z}" {{ type primary; file "{here}/zones/{z}"; }};\n'
                    for z in site.zones)
    write(f"{here}/named.conf", f"""options {{
  directory "{here}"; listen-on port {PORT} {{ {address}; }}; listen-on-v6 {{ none; }};
  recursion no; minimal-responses yes; dnssec-validation no; rrset-order {{ order cyclic; }};
  notify no; querylog no; pid-file "{here}/pid"; session-keyfile "{here}/key"; lock-file none;
}};
controls {{ }};
{zones}""")
    return Start((address, PORT), f"named -f -n 1 -U 1 -c {here}/named.conf")


def powerdns(folder, site, address, lua=False):
    """With `lua`, pools are Lua records that check their members: what its manual recommends."""
    here = os.path.join(folder, "pdns" + address)
    if lua:
        lines, check = [], site.check
        for pool in site.pools:
            members = ", ".join(f"'{a}'" for a in pool.members)
            call = (f"ifurlup('http://{ZONE}:{CHECK_PORT}/', {{{{{members}}}}}, "
                    if check.kind == "http" else f"ifportup({CHECK_PORT}, {{{members}}}, ")
            call += f"{{selector='all', timeout={max(1, round(check.timeout))}}})"
            lines += [f'{name}. {TTL} IN LUA A "{call}"\n' for name in pool.names]
        site.write_head(f"{here}/zones", lambda apex: "".join(lines))
    else:
        site.write_static(f"{here}/zones")
    extra = ("enable-lua-records=shared\n"
             f"lua-health-checks-interval={max(1, round(site.check.every))}\n" if lua else "")
    write(f"{here}/pdns.conf", f"""launch=bind
bind-config={here}/named.conf
local-address={address}:{PORT}
receiver-threads=1
distributor-threads=1
signing-threads=1
retrieval-threads=1
socket-dir={here}
daemon=no
guardian=no
loglevel=3
{extra}""")
    write(f"{here}/named.conf", "".join(
        f'zone "{z}" {{ type master; file "{here}/zones/{z}"; }};\n' for z in site.zones))
    return Start((address, PORT), f"pdns_server --config-dir={here}")
