//! TCP as clients really use it. The limits of time and number are in `stream.rs`, with shorter ones.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::process::client::{ask, connect, dig, exchange, frame, read_reply};
use crate::process::server::{BINARY, Server};
use crate::process::site::{QUICK, Site};
use crate::process::{alone, until};

#[test]
fn frames_may_be_pipelined_joined_or_split_and_a_half_closed_client_is_answered() {
    let site = Site::new(3, QUICK);
    let server = Server::start(&site);
    assert!(dig(server.at(), &["+tcp", "midominio.com"]).contains("ANSWER: 3"));

    let mut pipelined = connect(server.at());
    let queries: Vec<u8> = (0..500).flat_map(frame).collect();
    pipelined.write_all(&queries).unwrap();
    for id in 0..500 {
        assert_eq!(read_reply(&mut pipelined).unwrap(), id);
    }

    let mut split = connect(server.at());
    split.set_nodelay(true).unwrap();
    for byte in [frame(1), frame(2)].concat() {
        split.write_all(&[byte]).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!((read_reply(&mut split).unwrap(), read_reply(&mut split).unwrap()), (1, 2));

    let mut uneven = connect(server.at());
    let (first, second) = (frame(3), frame(4));
    uneven.write_all(&[&first[..], &second[..7]].concat()).unwrap();
    assert_eq!(read_reply(&mut uneven).unwrap(), 3);
    uneven.write_all(&second[7..]).unwrap();
    assert_eq!(read_reply(&mut uneven).unwrap(), 4);

    let mut half_closed = connect(server.at());
    half_closed.write_all(&[frame(5), frame(6)].concat()).unwrap();
    half_closed.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_reply(&mut half_closed).unwrap(), 5);
    assert_eq!(read_reply(&mut half_closed).unwrap(), 6);
    assert_eq!(half_closed.read(&mut [0; 1]).unwrap(), 0, "and then it is closed");

    // An empty message and half a header are no queries; the next one is.
    let mut nonsense = connect(server.at());
    nonsense.write_all(&[0, 0, 0, 3, 1, 2, 3]).unwrap();
    assert_eq!(exchange(&mut nonsense, 7).unwrap(), 7);
}

const DESCRIPTORS: u64 = 64;
const CONNECTIONS: u16 = 200;
const WATCHED: Duration = Duration::from_secs(5);

/// Ticks of processor time that the process has used.
pub fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
#[ignore = "watches the processor for seconds: cargo test --test it process:: -- --ignored"]
fn out_of_descriptors_the_server_rests_and_recovers() {
    let _alone = alone();
    let site = Site::new(2, "every: 1h, timeout: 2s");
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("ulimit -n {DESCRIPTORS} && exec \"$0\" serve -c \"$1\""),
        BINARY,
    ]);
    let server = Server::run(command.arg(site.path()).stdin(Stdio::null()).process_group(0));
    server.until_ready();
    // Who is cut off comes again: there are always more connections than descriptors.
    let mut streams: Vec<_> = (0..CONNECTIONS).map(|_| connect(server.at())).collect();
    let limit = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let open = limit.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert!(open.split_whitespace().any(|word| word == DESCRIPTORS.to_string()), "{open}");
    let (start, before) = (std::time::Instant::now(), ticks(server.pid()));
    while start.elapsed() < WATCHED {
        assert_eq!(ask(server.at(), "midominio.com").addresses.len(), 2, "UDP goes on");
        thread::sleep(Duration::from_millis(100));
    }
    // A hundred ticks a second, on every Linux.
    let share = (ticks(server.pid()) - before) as f64 / (WATCHED.as_secs() * 100) as f64;
    println!("{:.1} % of a core", share * 100.0);
    assert!(share < 0.05, "{:.1} % of a core", share * 100.0);
    streams.clear();
    until("TCP is served again", || exchange(&mut connect(server.at()), 9).ok());
}
