//! The kinds of check, one folder each, with a file for each layer.
//!
//! | file | contains | may name what this module may |
//! |---|---|---|
//! | `raw.rs` | the keys as they are written, and their check | `config` |
//! | `checked.rs` | the settings that cannot be wrong | `cluster` |
//! | `probe.rs` | one probe over the network, and the answers in a simulation | `health` |
//!
//! The three files of the same names beside this one dispatch to the kinds. Their enums and matches
//! are made from the list below, so a kind that lacks a type or a function in one layer does not
//! compile.

/// Calls a macro with the list of all kinds: the name, the folder, the types in `checked.rs` and
/// `probe.rs`, and the keys of config.yaml with their types in `raw.rs`, in the order of the
/// manual.
macro_rules! for_each_kind {
    ($define:ident) => {
        $define! {
            /// A request over HTTP or HTTPS; up when the answer is as expected.
            Http: http(HttpProbe, HttpProber) { http: RawHttp, https: RawHttpsProbe }
            /// Up when the connection is accepted.
            Tcp: tcp(TcpProbe, TcpProber) { tcp: RawTcp }
            /// Up when the answer of the server contains a text. Written as `tcp:` with `expect:`.
            Talk: talk(TalkProbe, TalkProber) {}
            /// Up when a TLS handshake succeeds.
            Tls: tls(TlsProbe, TlsProber) { tls: RawTls }
            /// Up when an ICMP echo request is answered.
            Icmp: icmp(IcmpProbe, IcmpProber) { icmp: RawIcmp }
            /// Up when a command exits with 0.
            Exec: exec(ExecProbe, ExecProber) { exec: RawExec }
            /// Up when the server greets with a MySQL handshake packet. No login, no query.
            Mysql: mysql(MysqlProbe, MysqlProber) { mysql: RawMysql }
            /// Up when a Redis server answers PING.
            Redis: redis(RedisProbe, RedisProber) { redis: RawRedis }
            /// Up when a query has the expected rcode.
            Dns: dns(DnsProbe, DnsProber) { dns: RawDnsProbe }
            /// Up when the gRPC health service says SERVING.
            Grpc: grpc(GrpcProbe, GrpcProber) { grpc: RawGrpc }
            /// Up when a report says so. Nothing is sent.
            Push: push(PushProbe, NoProber) { push: RawPush }
        }
    };
}

pub mod checked;
pub mod probe;
pub mod raw;

pub mod http {
    pub mod checked;
    pub mod probe;
    pub mod raw;
}
pub mod tcp {
    pub mod checked;
    pub mod probe;
    pub mod raw;
}
pub mod talk {
    pub mod checked;
    pub mod probe;
}
pub mod tls {
    pub mod checked;
    pub mod probe;
    pub mod raw;
}
pub mod icmp {
    pub mod checked;
    pub mod probe;
    pub mod raw;
}
pub mod exec {
    pub mod checked;
    pub mod probe;
    pub mod raw;
}
pub mod mysql {
    pub mod checked;
    pub mod probe;
    pub mod raw;
}
pub mod redis {
    pub mod checked;
    pub mod probe;
    pub mod raw;
}
pub mod dns {
    pub mod checked;
    pub mod probe;
    pub mod raw;
}
pub mod grpc {
    pub mod checked;
    pub mod probe;
    pub mod raw;
}
pub mod push {
    pub mod checked;
    pub mod probe;
    pub mod raw;
}
