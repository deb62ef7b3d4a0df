//! The kinds of probe: what is written, what becomes of it, what is refused.

use tiovivo::checks::http::checked::{JsonMatch, Method};
use tiovivo::checks::push::checked::PushProbe;
use tiovivo::checks::redis::checked::RedisProbe;
use tiovivo::checks::talk::checked::TalkProbe;
use tiovivo::checks::tcp::checked::TcpProbe;
use tiovivo::cluster::check::Check;
use tiovivo::cluster::connection::{ProxyVersion, StartTls};
use tiovivo::cluster::trust::{Tls, Trust};
use tiovivo::rcode::Rcode;

use super::*;

/// A pool of one node with a private address, checked like this.
fn with_check(check: &str) -> String {
    format!(
        "{ZONES}nodes: {{ a: {{ role: child, address: 192.0.2.1, private: 10.0.0.1 }} }}\n\
         pools: {{ web: {{ names: [midominio.com], members: [a],\n  check: {{ {check} }} }} }}\n"
    )
}

fn check(check: &str) -> Check {
    loaded(&with_check(check)).pools.remove(0).checks.list()[0].check.clone()
}

/// What is told of the check, without its place.
fn told(check: &str) -> Vec<String> {
    let told = faults_of(&with_check(check));
    told.iter().map(|told| told.split_once("check").unwrap().1.to_owned()).collect()
}

#[test]
fn a_request_with_everything() {
    let check = check(
        "https: { port: 8443, path: /h, host: www.midominio.com, method: POST, body: ready, \
         expect: [200-299], headers: { X-Probe: a b }, verify: false }",
    );
    let Probe::Http(http) = check.probe else { panic!("{check:?}") };
    assert_eq!((http.port, http.method, http.body.as_deref()), (8443, Method::Post, Some("ready")));
    assert_eq!(http.headers, [("X-Probe".to_owned(), "a b".to_owned())]);
    // The name of the handshake follows the host.
    let name = Some("www.midominio.com".to_owned());
    assert_eq!(http.tls, Some(Tls { name, trust: Trust::Anyone }));
}

#[test]
fn https_by_default_is_port_443_and_public_trust() {
    let Probe::Http(http) = check("https: {}").probe else { unreachable!() };
    assert_eq!((http.port, http.tls), (443, Some(Tls { name: None, trust: Trust::Public })));
}

#[test]
fn authorities_are_read_from_their_file_which_asks_for_a_reload() {
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
    let dir = folder(&with_check("https: { sni: a.example, ca_file: ca.pem }"));
    let file = dir.path().join("ca.pem");
    fs::write(&file, authority.pem()).unwrap();
    let config = config::load::load(&dir.path().join("config.yaml")).unwrap().config;
    let Probe::Http(http) = &config.pools[0].checks.list()[0].check.probe else { unreachable!() };
    let Trust::Authorities(authorities) = &http.tls.as_ref().unwrap().trust else { panic!() };
    assert_eq!((&authorities.file, authorities.roots.len()), (&file, 1));
    assert!(config.files.contains(&file));
    fs::write(&file, "none").unwrap();
    let faults = config::load::load(&dir.path().join("config.yaml")).unwrap_err();
    assert!(faults[0].to_string().contains("ca.pem: no certificate in it"), "{faults:?}");
}

#[test]
fn wrong_requests_are_told_all_at_once() {
    let check = "https: { sni: \"a:80\", ca_file: ca.pem, verify: maybe, method: HEAD, body: x, \
                 headers: { Host: x, \"a b\": x, X: \"a\\nb\", x: c } }";
    assert_eq!(
        told(check),
        [
            ".https.sni: `a:80` is no host name; \
             write a name such as www.example.com, without scheme and port",
            ".https.ca_file: ca.pem: No such file or directory (os error 2); \
             mend the file, or write another path",
            ".https.verify: unknown value `maybe`; write true or false",
            ".https.body: an answer to HEAD has no body; write method: GET, or take `body` out",
            ".https.headers.Host: `Host` is not free; write it as `host:`",
            ".https.headers.a b: `a b` is no name of a header; write one such as X-Probe",
            ".https.headers.X: `a\\nb` is no value of a header; \
             write at most 1024 ASCII characters, none of them a line break",
            ".https.headers.x: the header `x` is there already; write each header once",
        ]
    );
}

#[test]
fn a_tcp_check_may_say_something() {
    assert_eq!(check("tcp: { port: 25 }").probe, Probe::Tcp(TcpProbe { port: 25 }));
    let (send, expect) = (Some("ruok\r\n".to_owned()), "imok".to_owned());
    assert_eq!(
        check(r#"tcp: { port: 2181, send: "ruok\r\n", expect: imok }"#).probe,
        Probe::Talk(TalkProbe { port: 2181, send, expect, start_tls: None, proxy: None })
    );
    assert_eq!(
        told("tcp: { send: x, expect: \"\" }"),
        [
            ".tcp: `port` is missing; write the port to connect to",
            ".tcp.expect: a text of 0 octets; write 1 to 1024 octets",
        ]
    );
    assert_eq!(
        told("tcp: { port: 1, send: x }"),
        [".tcp: `expect` is missing; \
          write the text that the server answers with, or take `send` out"]
    );
}

#[test]
fn what_a_body_says_and_what_it_does_not() {
    let written = "http: { body_not: ERROR, json: [{ pointer: /status, is: up }, \
                   { pointer: /ready, is: true }, { pointer: /a~1b/0, not: 5 }] }";
    let Probe::Http(http) = check(written).probe else { unreachable!() };
    assert_eq!((http.body, http.body_not.as_deref()), (None, Some("ERROR")));
    let wanted = |pointer: &str, value: &str, equal| JsonMatch {
        pointer: pointer.into(),
        value: value.into(),
        equal,
    };
    let json = [wanted("/status", "up", true), wanted("/ready", "true", true)];
    assert_eq!(http.json[..2], json);
    assert_eq!(http.json[2..], [wanted("/a~1b/0", "5", false)]);
    assert_eq!(
        told(
            "http: { method: HEAD, body_not: x, json: [{ is: 1 }, { pointer: a, is: 1 }, \
              { pointer: /a }, { pointer: /a, is: 1, not: 2 }, { pointer: /~2, is: 1 }] }"
        ),
        [
            ".http.body_not: an answer to HEAD has no body; \
             write method: GET, or take `body_not` out",
            ".http.json: an answer to HEAD has no body; write method: GET, or take `json` out",
            ".http.json[0]: `pointer` is missing; write the place of the value, such as /status",
            ".http.json[1].pointer: `a` is no JSON pointer; \
             write one such as /status or /checks/0/state, `~1` for a slash in a name",
            ".http.json[2]: `is` is missing; write the value that is there, or `not`",
            ".http.json[3].not: both `is` and `not`; write one of them",
            ".http.json[4].pointer: `/~2` is no JSON pointer; \
             write one such as /status or /checks/0/state, `~1` for a slash in a name",
        ]
    );
}

#[test]
fn what_a_connection_begins_with() {
    let Probe::Http(http) = check("https: { proxy_protocol: v1 }").probe else { unreachable!() };
    assert_eq!(http.proxy, Some(ProxyVersion::V1));
    let Probe::Tls(tls) =
        check("tls: { port: 25, starttls: smtp, proxy_protocol: v2, min_days: 7 }").probe
    else {
        unreachable!()
    };
    assert_eq!((tls.start_tls, tls.proxy), (Some(StartTls::Smtp), Some(ProxyVersion::V2)));
    let Probe::Talk(talk) =
        check("tcp: { port: 143, starttls: imap, sni: a.b, verify: false, expect: x }").probe
    else {
        unreachable!()
    };
    let tls = Tls { name: Some("a.b".into()), trust: Trust::Anyone };
    assert_eq!(talk.start_tls, Some((StartTls::Imap, tls)));
    assert_eq!(
        told("tcp: { port: 25, starttls: nntp }"),
        [".tcp.starttls: unknown protocol `nntp`; write smtp, imap, pop3 or ftp"]
    );
    assert_eq!(
        told("tcp: { port: 25, starttls: smtp }"),
        [".tcp: `expect` is missing; \
          write the text that the server says within TLS, or take `starttls` out"]
    );
    assert_eq!(
        told("tcp: { port: 25, verify: false }"),
        [".tcp.verify: there is no TLS; write `starttls: smtp` beside it, or take it out"]
    );
}

#[test]
fn services_within_tls() {
    let Probe::Redis(redis) = check("redis: { tls: { sni: a.b } }").probe else { unreachable!() };
    let tls = Tls { name: Some("a.b".into()), trust: Trust::Public };
    assert_eq!(redis, RedisProbe { port: 6379, tls: Some(tls) });
    let Probe::Grpc(grpc) = check("grpc: { port: 443, tls: {} }").probe else { unreachable!() };
    assert_eq!(grpc.tls, Some(Tls { name: None, trust: Trust::Public }));
    let told = told("redis: { tls: { ca_file: ca.pem } }");
    let expected = ".redis.tls.ca_file: ca.pem: No such file or directory (os error 2); \
                    mend the file, or write another path";
    assert_eq!(told, [expected]);
}

#[test]
fn a_command_is_a_program_with_its_path() {
    let Probe::Exec(exec) = check("exec: { command: [/bin/sh, -c, exit 0] }").probe else {
        unreachable!()
    };
    assert_eq!(exec.command, ["/bin/sh", "-c", "exit 0"]);
    let help = "write the path of a program and its arguments: [/usr/local/bin/probe, --quick]";
    assert_eq!(told("exec: {}"), [format!(".exec: `command` is missing; {help}")]);
    assert_eq!(told("exec: { command: [] }"), [format!(".exec.command: nothing to run; {help}")]);
    assert_eq!(
        told("exec: { command: [true] }"),
        [".exec.command[0]: `true` is looked for nowhere; write the program with its path"]
    );
    // Relative to config.yaml, and only warned of: the name server may be another machine.
    let warned = told("exec: { command: [./probe] }");
    let expected = "probe: there is no such program here; \
                    the probe counts for nothing until it can run";
    assert!(warned[0].ends_with(expected), "{warned:?}");
}

#[test]
fn services_and_what_holds_when_little_is_written() {
    assert_eq!(check("redis: {}").probe, Probe::Redis(RedisProbe { port: 6379, tls: None }));
    let full = |written: &str| match check(written).probe {
        Probe::Mysql(mysql) => mysql.full_is_up,
        other => panic!("{other:?}"),
    };
    assert!(!full("mysql: {}") && full("mysql: { too_many_connections: up }"));
    let Probe::Dns(dns) = check("dns: { name: a.b, type: aaaa, tcp: true, expect: REFUSED }").probe
    else {
        unreachable!()
    };
    assert_eq!(*dns.question.wire, *b"\x01a\x01b\0\0\x1c\0\x01");
    assert_eq!((dns.port, dns.tcp, dns.recursion, dns.expect), (53, true, false, Rcode::REFUSED));
    let Probe::Grpc(grpc) = check("grpc: { port: 50051, service: shop.Basket }").probe else {
        unreachable!()
    };
    assert_eq!((grpc.port, grpc.service.as_str()), (50_051, "shop.Basket"));
}

#[test]
fn wrong_services_are_told() {
    assert_eq!(
        told("mysql: { too_many_connections: yes }"),
        [".mysql.too_many_connections: unknown verdict `yes`; write up or down"]
    );
    assert_eq!(
        told("dns: { type: APEX, expect: NO }"),
        [
            ".dns: `name` is missing; write a name that every member answers for",
            ".dns.type: unknown type `APEX`; write one such as SOA, A or TYPE65",
            ".dns.expect: unknown rcode `NO`; write NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, \
             REFUSED or NOTAUTH",
        ]
    );
    assert_eq!(told("grpc: {}"), [".grpc: `port` is missing; write the port to connect to"]);
}

#[test]
fn a_check_has_one_kind_of_probe() {
    let kinds = told("every: 5s");
    assert!(kinds[0].starts_with(": nothing to probe; write one of http, https, "), "{kinds:?}");
    let kinds = told("http: {}, https: {}");
    assert!(kinds[0].starts_with(": more than one probe; write one of "), "{kinds:?}");
}

#[test]
fn a_check_probes_the_address_that_it_names() {
    let probed = |written: &str| {
        let pool = loaded(&with_check(written)).pools.remove(0);
        let member = pool.membership.get(0).unwrap();
        (
            member.probed(&pool.checks.list()[0].check, None).to_string(),
            member.addresses.probed(None).to_string(),
        )
    };
    let public = "192.0.2.1".to_owned();
    assert_eq!(probed("http: {}"), (public.clone(), public.clone()));
    assert_eq!(probed("http: {}, address: public"), (public.clone(), public.clone()));
    assert_eq!(probed("http: {}, address: private"), ("10.0.0.1".to_owned(), public));
    let without = with_check("http: {}, address: private").replace(", private: 10.0.0.1", "");
    let told = faults_of(&without).join("\n");
    let expected =
        "pools.web.check.address: `a` has no private address; write `private:` at the node";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn several_checks_have_names_and_a_rule() {
    let written = |rest: &str| {
        let text = format!(
            "{ZONES}nodes: {{ a: {{ role: child, address: 192.0.2.1 }} }}\n\
             pools: {{ web: {{ names: [midominio.com], members: [a], checks: [{{ https: {{}} }}, \
             {{ tls: {{}}, every: 1m, fall: 1 }}, {{ name: db, mysql: {{}} }}]{rest} }} }}\n"
        );
        loaded(&text).pools.remove(0).checks
    };
    let checks = written("");
    let names: Vec<&str> = checks.list().iter().map(|of| of.name.as_str()).collect();
    assert_eq!((names, checks.least()), (vec!["https", "tls", "db"], 3));
    let tls = &checks.list()[1].check;
    assert_eq!((tls.every.as_secs(), tls.timeout.as_secs(), tls.thresholds.fall), (60, 2, 1));
    for (need, least) in [("all", 3), ("any", 1), ("2", 2)] {
        assert_eq!(written(&format!(", need: {need}")).least(), least, "{need}");
    }
}

#[test]
fn a_push_is_a_verdict_at_once() {
    let check = check("push: { expires: 30s }");
    assert_eq!(
        check.probe,
        Probe::Push(PushProbe { expires: Duration::from_secs(30), load: false })
    );
    assert_eq!((check.thresholds.fall, check.thresholds.rise), (1, 1));
    let thresholds = self::check("push: {}, fall: 2, rise: 3").thresholds;
    assert_eq!((thresholds.fall, thresholds.rise), (2, 3));
}

#[test]
fn a_load_in_a_failover_pool_is_warned_of() {
    let text = format!(
        "{ZONES}nodes: {{ a: {{ role: child, address: 192.0.2.1 }} }}\npools: {{ web: {{ \
         names: [midominio.com], members: [a], order: failover, \
         check: {{ http: {{ load: true }} }} }} }}\n"
    );
    let told = faults_of(&text);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("pools.web.order: where one is answered, a load changes nothing"),
        "{told:?}"
    );
    assert!(loaded(&text).pools[0].checks.list()[0].check.probe.tells_load());
}
