//! `check:` of a node: what it has of its own of the checks of its pools.

use tiovivo::checks::http::checked::HttpProbe;
use tiovivo::checks::tcp::checked::TcpProbe;

use super::*;

const POOLS: &str = "pools:\n\
    \x20 web: { names: [midominio.com], members: [a, b], deep: { http: { path: /deep } },\n\
    \x20   check: { https: { port: 8443, host: www.midominio.com } } }\n\
    \x20 db: { names: [db.midominio.com], members: [b],\n\
    \x20   checks: [{ mysql: {} }, { name: slow, tcp: { port: 7 } }, { push: {} }] }\n";

/// Node b has this.
fn with_own(own: &str) -> String {
    format!(
        "{ZONES}{POOLS}nodes:\n  a: {{ role: child, address: 192.0.2.1 }}\n\
         \x20 b: {{ role: child, address: 192.0.2.2, check: {own} }}\n\
         \x20 c: {{ role: child, address: 192.0.2.3 }}\n"
    )
}

/// The faults of it, without their places.
fn told(own: &str) -> Vec<String> {
    let told = faults_of(&with_own(own));
    told.iter().map(|told| told.split_once("nodes.b.check").unwrap().1.to_owned()).collect()
}

fn http(probe: &Probe) -> &HttpProbe {
    let Probe::Http(http) = probe else { panic!("{probe:?}") };
    http
}

#[test]
fn a_node_has_its_own_port_path_and_host_in_each_of_its_pools() {
    let own = "{ https: { port: 9443, path: /h, host: b.midominio.com }, mysql: { port: 3307 }, \
               slow: { port: 8 }, deep: { port: 81 } }";
    let pools = loaded(&with_own(own)).pools;
    let [web, db] = &pools[..] else { panic!("{pools:?}") };
    let (a, b) = (web.membership.get(0).unwrap(), web.membership.get(1).unwrap());

    let of_pool = http(&web.checks.list()[0].check.probe);
    assert_eq!(http(&web.checks_of(&a).list()[0].check.probe), of_pool);
    assert_eq!((of_pool.port, of_pool.path.as_str()), (8443, "/"));

    let of_node = http(&web.checks_of(&b).list()[0].check.probe);
    assert_eq!((of_node.port, of_node.path.as_str()), (9443, "/h"));
    // The name of the handshake follows the host.
    let name = Some("b.midominio.com".to_owned());
    assert_eq!((&of_node.host, &of_node.tls.as_ref().unwrap().name), (&name, &name));
    assert_eq!(http(&web.deep_of(&a).unwrap().probe).port, 80);
    let deep = http(&web.deep_of(&b).unwrap().probe);
    assert_eq!((deep.port, deep.path.as_str()), (81, "/deep"));

    let list = db.checks_of(&db.membership.get(0).unwrap()).list();
    assert_eq!(list[0].check.probe, Probe::Mysql(MysqlProbe { port: 3307, full_is_up: false }));
    assert_eq!(list[1].check.probe, Probe::Tcp(TcpProbe { port: 8 }));
    assert_eq!(list[2], db.checks.list()[2]);
}

#[test]
fn a_written_name_of_the_handshake_stays() {
    let own = with_own("{ https: { host: b.midominio.com } }");
    let config = own.replace("port: 8443,", "port: 8443, sni: midominio.com,");
    let pools = loaded(&config).pools;
    let of_node = pools[0].checks_of(&pools[0].membership.get(1).unwrap()).list();
    let http = http(&of_node[0].check.probe);
    assert_eq!(http.host.as_deref(), Some("b.midominio.com"));
    assert_eq!(http.tls.as_ref().unwrap().name.as_deref(), Some("midominio.com"));
}

#[test]
fn what_no_check_can_use_is_a_fault() {
    assert_eq!(
        told(
            "{ http: { port: 80 }, mysql: { path: /x, host: x }, push: { port: 1 }, \
             https: {}, slow: { port: 9 } }"
        ),
        [
            ".http: no pool of the node has a check `http`; did you mean `https`? \
             write https, deep, mysql, slow or push",
            ".mysql.path: `mysql` has no path; take it out",
            ".mysql.host: `mysql` has no host; take it out",
            ".push.port: `push` has no port; take it out",
            ".https: nothing is of its own; write `port`, `path` or `host`, or take it out",
        ]
    );
    assert_eq!(
        told("{ https: { port: 0, path: h, host: \"a:80\", expect: 200 } }"),
        [
            ".https.port: `0` is out of range; write a whole number from 1 to 65535",
            ".https.path: `h` does not begin with a slash; write a path such as /health",
            ".https.host: `a:80` is no host name; \
             write a name such as www.example.com, without scheme and port",
            ".https.expect: there is no key `expect` here; known here: port, path, host",
        ]
    );
    let alone = with_own("{ slow: { port: 9 } }")
        .replace("address: 192.0.2.3", "address: 192.0.2.3, check: { http: { port: 1 } }");
    let told = faults_of(&alone);
    let help = "no pool of the node has a check `http`; \
                make the node a member of a pool, or take it out";
    assert!(told.len() == 1 && told[0].ends_with(help), "{told:?}");
}

#[test]
fn a_faulty_pool_could_have_had_the_check() {
    let config = with_own("{ http: { port: 80 } }").replace("port: 7", "port: 0");
    let told = faults_of(&config);
    assert!(told.len() == 1 && told[0].contains("tcp.port: `0`"), "{told:?}");
}
