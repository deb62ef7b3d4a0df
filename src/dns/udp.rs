//! UDP workers: threads of their own, a batch of queries a system call.
//!
//! A worker sleeps in `recvmmsg`, loads the snapshot once a batch, answers every query in place and
//! hands all replies back by `sendmmsg`. Per query there is no system call, no lock, no allocation.
//!
//! Preparing a batch costs for each message that could come, so the batch grows with the load:
//! one message while the server idles, `LARGE` when queries queue up.

use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6,
    SockaddrLike, recvmmsg, sendmmsg,
};

use crate::counters::{Block, Counters, bump};
use crate::dns::clock::Clock;
use crate::dns::reply::{Transport, UDP_LIMIT};
use crate::dns::respond::{Client, Reply, respond};
use crate::dns::sockets::is_wildcard;
use crate::dns::tally::tally;
use crate::snapshot::publish::Reader;

const SMALL: usize = 1;
const MIDDLE: usize = 8;
const LARGE: usize = 64;
/// After so many single queries a worker makes room for more, to see whether more are waiting.
const LOOK_UP: u32 = 8;
/// Octets of a query that are read. Longer ones are cut, and malformed then.
const QUERY_ROOM: usize = 2048;

/// What the workers of a server share.
#[derive(Debug, Clone)]
pub struct Shared {
    pub reader: Reader,
    pub counters: Arc<Counters>,
    /// The next turn of the rotation; all transports draw from it.
    pub turn: Arc<AtomicU64>,
    pub stop: Arc<AtomicBool>,
    pub clock: Clock,
}

/// Starts a thread that serves `socket` until `stop`; `worker` is its block of the counters.
pub fn start(
    socket: UdpSocket,
    address: SocketAddr,
    worker: usize,
    shared: Shared,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("udp-{worker}")).spawn(move || match address {
        SocketAddr::V4(_) => Worker::<SockaddrIn>::new(&socket, address, worker, shared).run(),
        SocketAddr::V6(_) => Worker::<SockaddrIn6>::new(&socket, address, worker, shared).run(),
    })
}

/// A socket address of one family.
trait Peer: SockaddrLike + Copy {
    fn address(&self) -> IpAddr;
    fn port(&self) -> u16;
}

impl Peer for SockaddrIn {
    fn address(&self) -> IpAddr {
        IpAddr::V4(self.ip())
    }

    fn port(&self) -> u16 {
        SockaddrIn::port(self)
    }
}

impl Peer for SockaddrIn6 {
    fn address(&self) -> IpAddr {
        IpAddr::V6(self.ip())
    }

    fn port(&self) -> u16 {
        SockaddrIn6::port(self)
    }
}

/// The local address that a query was sent to, when the socket is bound to none.
#[derive(Clone, Copy)]
enum Local {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

struct Worker<'s, P> {
    fd: RawFd,
    block: usize,
    shared: Shared,
    wildcard: bool,
    received: MultiHeaders<P>,
    sent: MultiHeaders<P>,
    queries: Box<[u8]>,
    replies: Box<[u8]>,
    socket: std::marker::PhantomData<&'s UdpSocket>,
}

impl<'s, P: Peer> Worker<'s, P> {
    fn new(socket: &'s UdpSocket, address: SocketAddr, block: usize, shared: Shared) -> Self {
        let wildcard = is_wildcard(address);
        Worker {
            fd: socket.as_raw_fd(),
            block,
            shared,
            wildcard,
            received: headers(wildcard),
            sent: headers(wildcard),
            queries: vec![0; LARGE * QUERY_ROOM].into(),
            replies: vec![0; LARGE * UDP_LIMIT].into(),
            socket: std::marker::PhantomData,
        }
    }

    /// A panic would be a bug of ours; it costs the batch, not the thread.
    fn run(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            if catch_unwind(AssertUnwindSafe(|| self.serve())).is_err() {
                bump(&self.counters().panics);
                self.received = headers(self.wildcard);
                self.sent = headers(self.wildcard);
            }
        }
    }

    fn serve(&mut self) {
        let mut size = SMALL;
        let mut calm = 0u32;
        while !self.shared.stop.load(Ordering::Relaxed) {
            let received = match size {
                SMALL => self.batch::<SMALL>(),
                MIDDLE => self.batch::<MIDDLE>(),
                _ => self.batch::<LARGE>(),
            };
            calm = if received > SMALL { 0 } else { calm.wrapping_add(1) };
            size = match (size, received) {
                // Whether more was waiting behind a single query shows only when there is room.
                (SMALL, _) if calm.is_multiple_of(LOOK_UP) => MIDDLE,
                (SMALL, _) | (_, 0 | SMALL) => SMALL,
                (MIDDLE, MIDDLE) => LARGE,
                (LARGE, 2..=MIDDLE) => MIDDLE,
                (same, _) => same,
            };
        }
    }

    /// Receives up to `N` queries, waiting for the first only, and answers them. Their number.
    fn batch<const N: usize>(&mut self) -> usize {
        let mut rooms = self.queries.chunks_exact_mut(QUERY_ROOM);
        let mut slices: [[IoSliceMut<'_>; 1]; N] =
            std::array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or_default())]);
        let flags = MsgFlags::MSG_WAITFORONE;
        let queries = match recvmmsg(self.fd, &mut self.received, slices.iter_mut(), flags, None) {
            Ok(queries) => queries,
            Err(Errno::EAGAIN | Errno::EINTR) => return 0,
            Err(error) => {
                tracing::warn!("receiving queries: {error}");
                std::thread::sleep(ERROR_PAUSE);
                return 0;
            }
        };
        let snapshot = self.shared.reader.load();
        let mut turn = self.shared.turn.fetch_add(N as u64, Ordering::Relaxed);
        let now = self.shared.clock.seconds();
        let block = &self.shared.counters.udp[self.block];
        let mut rooms = self.replies.chunks_exact_mut(UDP_LIMIT);
        let mut room = rooms.next().unwrap_or_default();
        let mut lengths = [0; N];
        let mut peers: [Option<P>; N] = [None; N];
        let mut locals: [Option<Local>; N] = [None; N];
        let (mut received, mut count) = (0, 0);
        for query in queries {
            received += 1;
            turn = turn.wrapping_add(1);
            let message = query.iovs().next().unwrap_or_default();
            let Some(peer) = query.address.filter(|peer| !is_looping(peer.port())) else {
                bump(&block.dropped);
                continue;
            };
            let transport = Transport::Datagram;
            let client = Client { address: peer.address(), transport, idle: None, now };
            let reply = respond(&snapshot, message, &client, turn, room);
            tally(block, &reply, room);
            if let Reply::Send { len, .. } = reply {
                lengths[count] = len;
                peers[count] = Some(peer);
                if self.wildcard {
                    locals[count] = query.cmsgs().ok().and_then(|mut messages| {
                        messages.find_map(|message| match message {
                            ControlMessageOwned::Ipv4PacketInfo(info) => Some(Local::V4(info)),
                            ControlMessageOwned::Ipv6PacketInfo(info) => Some(Local::V6(info)),
                            _ => None,
                        })
                    });
                }
                count += 1;
                room = rooms.next().unwrap_or_default();
            }
        }
        let mut rooms = self.replies.chunks_exact(UDP_LIMIT).zip(&lengths);
        let slices: [[IoSlice<'_>; 1]; N] = std::array::from_fn(|_| {
            [IoSlice::new(
                rooms.next().and_then(|(room, len)| room.get(..*len)).unwrap_or_default(),
            )]
        });
        let mut start = 0;
        while start < count {
            let local = locals[start];
            let same = |other: &&Option<Local>| is_same(**other, local);
            let end = start + locals[start..count].iter().take_while(same).count();
            let (slices, peers) = (&slices[start..end], &peers[start..end]);
            send(self.fd, &mut self.sent, slices, peers, local, block);
            start = end;
        }
        received
    }

    fn counters(&self) -> &Block {
        &self.shared.counters.udp[self.block]
    }
}

const ERROR_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

fn headers<P: Peer>(wildcard: bool) -> MultiHeaders<P> {
    let space = wildcard.then(|| nix::cmsg_space!(libc::in6_pktinfo));
    MultiHeaders::preallocate(LARGE, space)
}

/// Hands the replies to the kernel, which may take fewer at a time. What it refuses is counted and
/// skipped: the client asks again.
fn send<P: Peer>(
    fd: RawFd,
    headers: &mut MultiHeaders<P>,
    slices: &[[IoSlice<'_>; 1]],
    peers: &[Option<P>],
    local: Option<Local>,
    block: &Block,
) {
    // The address to leave from; the route may choose the interface.
    let (v4, v6);
    let control: &[ControlMessage<'_>] = match local {
        None => &[],
        Some(Local::V4(info)) => {
            v4 = libc::in_pktinfo { ipi_ifindex: 0, ..info };
            &[ControlMessage::Ipv4PacketInfo(&v4)]
        }
        Some(Local::V6(info)) => {
            v6 = info;
            &[ControlMessage::Ipv6PacketInfo(&v6)]
        }
    };
    let mut done = 0;
    while done < slices.len() {
        let (slices, peers) = (&slices[done..], &peers[done..]);
        match sendmmsg(fd, headers, slices.iter(), peers, control, MsgFlags::empty()) {
            Ok(sent) => done += sent.count().max(1),
            Err(Errno::EINTR) => {}
            Err(_) => {
                bump(&block.send_errors);
                done += 1;
            }
        }
    }
}

fn is_same(a: Option<Local>, b: Option<Local>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(Local::V4(a)), Some(Local::V4(b))) => a.ipi_spec_dst.s_addr == b.ipi_spec_dst.s_addr,
        (Some(Local::V6(a)), Some(Local::V6(b))) => {
            a.ipi6_addr.s6_addr == b.ipi6_addr.s6_addr && a.ipi6_ifindex == b.ipi6_ifindex
        }
        _ => false,
    }
}

/// Services that answer anything with something (echo, daytime, qotd, chargen, time), and a port
/// that nobody can have: a forged query from there would start a conversation without end.
#[inline]
fn is_looping(port: u16) -> bool {
    matches!(port, 0 | 7 | 13 | 17 | 19 | 37)
}
