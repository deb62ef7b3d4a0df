//! Those who only ask, and what they heard.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use crate::process::client::{PATIENCE, frame, read_reply};
use crate::process::server::Server;
use crate::world::Ask;

const UDP_EVERY: Duration = Duration::from_millis(10);
const TCP_EVERY: Duration = Duration::from_millis(100);
const LIVE_EVERY: Duration = Duration::from_millis(250);

pub struct Witnesses {
    done: Arc<AtomicBool>,
    threads: [JoinHandle<Heard>; 3],
}

/// Of one way of asking.
#[derive(Default)]
struct Heard {
    asked: usize,
    lost: Vec<String>,
    took: Vec<Duration>,
}

pub struct Testimony {
    udp: Heard,
    tcp: Heard,
    live: Heard,
}

impl Witnesses {
    pub fn start(server: &Server, everyone: &BTreeSet<IpAddr>) -> Witnesses {
        let done = Arc::new(AtomicBool::new(false));
        let at = *server.dns.iter().find(|address| address.is_ipv4()).unwrap();
        let (dashboard, wanted) = (server.dashboard, everyone.clone());
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.set_read_timeout(Some(PATIENCE)).unwrap();
        Witnesses {
            threads: [
                witness(&done, UDP_EVERY, move || over_udp(&udp, at, &wanted)),
                witness(&done, TCP_EVERY, move || over_tcp(at)),
                witness(&done, LIVE_EVERY, move || is_alive(dashboard)),
            ],
            done,
        }
    }

    pub fn end(self) -> Testimony {
        self.done.store(true, Ordering::SeqCst);
        let [udp, tcp, live] = self.threads.map(|thread| thread.join().unwrap());
        Testimony { udp, tcp, live }
    }
}

/// Asks in turn until `done`, at least once.
fn witness(
    done: &Arc<AtomicBool>,
    every: Duration,
    ask: impl Fn() -> Result<(), String> + Send + 'static,
) -> JoinHandle<Heard> {
    let done = Arc::clone(done);
    spawn(move || {
        let mut heard = Heard::default();
        loop {
            let start = Instant::now();
            heard.asked += 1;
            match ask() {
                Ok(()) => heard.took.push(start.elapsed()),
                Err(why) => heard.lost.push(why),
            }
            if done.load(Ordering::SeqCst) {
                return heard;
            }
            sleep(every.saturating_sub(start.elapsed()));
        }
    })
}

/// Not one member is missing.
fn over_udp(socket: &UdpSocket, at: SocketAddr, everyone: &BTreeSet<IpAddr>) -> Result<(), String> {
    let query = Ask::new("midominio.com", "A").message();
    socket.send_to(&query, at).map_err(|error| error.to_string())?;
    let mut room = [0; 1500];
    let (len, _) = socket.recv_from(&mut room).map_err(|error| error.to_string())?;
    let message = hickory_proto::op::Message::from_vec(&room[..len]).map_err(|e| e.to_string())?;
    let found: BTreeSet<IpAddr> = message.answers.iter().filter_map(|r| r.data.ip_addr()).collect();
    if found == *everyone { Ok(()) } else { Err(format!("{found:?}")) }
}

/// On a connection of its own.
fn over_tcp(at: SocketAddr) -> Result<(), String> {
    let asked = || {
        let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&frame(7))?;
        read_reply(&mut stream)
    };
    asked().map(drop).map_err(|error: std::io::Error| error.to_string())
}

fn is_alive(dashboard: SocketAddr) -> Result<(), String> {
    let asked = || {
        let mut stream = TcpStream::connect_timeout(&dashboard, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply)
    };
    match asked() {
        Ok(reply) if reply.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(reply) => Err(reply.lines().next().unwrap_or("closed").into()),
        Err(error) => Err(std::io::Error::to_string(&error)),
    }
}

impl Testimony {
    pub fn judge(&self) {
        for (way, heard) in [("UDP", &self.udp), ("TCP", &self.tcp), ("/livez", &self.live)] {
            let lost = &heard.lost;
            assert!(lost.is_empty(), "{way}: {} of {}: {lost:?}", lost.len(), heard.asked);
        }
    }
}

impl fmt::Display for Testimony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UDP {}; TCP {}; /livez {}", self.udp, self.tcp, self.live)
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut took = self.took.clone();
        took.sort();
        let median = took.get(took.len() / 2).copied().unwrap_or_default();
        let most = took.last().copied().unwrap_or_default();
        write!(f, "{} of {}, median {median:.1?}, most {most:.1?}", took.len(), self.asked)
    }
}
