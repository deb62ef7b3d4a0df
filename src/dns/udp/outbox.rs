//! Sends the replies of a batch.
//!
//! A load balancer or a forwarder asks from few ports, so many replies of a batch have one peer.
//! They go to the kernel as one message, which it splits at the very end (`UDP_SEGMENT`, Linux
//! 4.18): routing, firewall rules and wake-up happen once for all of them. Clients get the same
//! datagrams.

use std::io::{ErrorKind, IoSlice};
use std::net::UdpSocket;

use nix::libc;
use nix::sys::socket::{getsockopt, sockopt::UdpGsoSegment};

use crate::counters::{Block, bump};
use crate::dns::reply::UDP_LIMIT;
use crate::dns::udp::batch_size::LARGE;
use crate::dns::udp::peer::{LocalAddress, Peer};
use crate::dns::udp::sendmmsg::{Message, sendmmsg};

/// Octets for one reply: an odd number of cache lines, as for queries.
const REPLY_ROOM: usize = 21 * 64;
const _: () = assert!(REPLY_ROOM >= UDP_LIMIT);
/// Maximum number of replies in one message: with the longest, it still fits into an IP packet.
const TOGETHER: usize = 48;
const _: () = assert!(TOGETHER * REPLY_ROOM <= 65_507);

/// The replies of a batch until they are sent.
pub struct Outbox<P> {
    rooms: Box<[u8]>,
    replies: Vec<Datagram<P>>,
    /// For each reply its [`Datagram::order`], with its index in the last octet.
    order: Vec<u64>,
    /// Whether the kernel splits messages.
    joins: bool,
}

#[derive(Clone, Copy)]
struct Datagram<P> {
    len: usize,
    peer: P,
    /// The address to send from. `None` when the socket is bound to one address.
    local: Option<LocalAddress>,
}

const PLACE: u64 = 0xff;
const _: () = assert!(LARGE <= PLACE as usize);

impl<P: Peer> Outbox<P> {
    pub fn new(socket: &UdpSocket) -> Outbox<P> {
        Outbox {
            rooms: vec![0; LARGE * REPLY_ROOM].into(),
            replies: Vec::with_capacity(LARGE),
            order: Vec::with_capacity(LARGE),
            joins: getsockopt(socket, UdpGsoSegment).is_ok(),
        }
    }

    /// Where the next reply is written.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.rooms[self.replies.len() * REPLY_ROOM..][..REPLY_ROOM]
    }

    /// Adds the first `len` octets of [`Outbox::room`] as a reply to `peer`, sent from `local`.
    pub fn put(&mut self, len: usize, peer: P, local: Option<LocalAddress>) {
        let reply = Datagram { len, peer, local };
        self.order.push(reply.order() | self.replies.len() as u64);
        self.replies.push(reply);
    }

    /// Sends all replies, at most `N`. A reply that the kernel refuses is counted and skipped: the
    /// client asks again.
    pub fn send<const N: usize>(&mut self, socket: &UdpSocket, block: &Block) {
        self.order.sort_unstable();
        let mut slices = [IoSlice::new(&[]); N];
        for (slice, order) in slices.iter_mut().zip(&self.order) {
            let room = &self.rooms[place(order) * REPLY_ROOM..];
            *slice = IoSlice::new(&room[..self.reply(order).len]);
        }
        let Some(Datagram { peer, .. }) = self.replies.first() else { return };
        let mut messages = [Message { datagrams: &[], peer: *peer, local: None }; N];
        let mut count = 0;
        let (mut sorted, mut slices) = (self.order.as_slice(), slices.as_slice());
        while let [first, ..] = sorted {
            let joined = self.joined(sorted);
            let Datagram { peer, local, .. } = *self.reply(first);
            messages[count] = Message { datagrams: &slices[..joined], peer, local };
            count += 1;
            (sorted, slices) = (&sorted[joined..], &slices[joined..]);
        }
        if !send::<P, N>(socket, &messages[..count], block) {
            tracing::debug!("replies to one client leave one by one: a device makes no checksums");
            self.joins = false;
        }
        self.replies.clear();
        self.order.clear();
    }

    fn reply(&self, order: &u64) -> &Datagram<P> {
        &self.replies[place(order)]
    }

    /// The number of `sorted` replies that make one message: replies to one peer of one length, and
    /// one shorter reply at the end.
    fn joined(&self, sorted: &[u64]) -> usize {
        let most = if self.joins { TOGETHER } else { 1 };
        let mut replies = sorted.iter().take(most).map(|order| self.reply(order));
        let Some(first) = replies.next() else { return 0 };
        let mut joined = 1;
        for reply in replies.take_while(|reply| reply.goes_with(first)) {
            joined += 1;
            if reply.len < first.len {
                break;
            }
        }
        joined
    }
}

fn place(order: &u64) -> usize {
    (order & PLACE) as usize
}

/// Returns false when messages of several datagrams should not be tried again, because a device
/// computes no checksums. A route that adds headers may also refuse them.
fn send<P: Peer, const N: usize>(
    socket: &UdpSocket,
    mut messages: &[Message<'_, P>],
    block: &Block,
) -> bool {
    let mut can_join = true;
    while let [first, others @ ..] = messages {
        match sendmmsg::<P, N>(socket, messages) {
            Ok(sent) => messages = &messages[sent.max(1)..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) if first.datagrams.len() == 1 => {
                bump(&block.send_errors);
                messages = others;
            }
            Err(error) => {
                can_join &= error.raw_os_error() != Some(libc::EIO);
                for datagram in first.datagrams.chunks(1) {
                    send::<P, 1>(socket, &[Message { datagrams: datagram, ..*first }], block);
                }
                messages = others;
            }
        }
    }
    can_join
}

impl<P: Peer> Datagram<P> {
    /// The key that sorts replies to one peer next to each other, the longest first.
    fn order(&self) -> u64 {
        let local = self.local.map_or(0, |local| local.last_octet());
        u64::from(self.peer.digest()) << 32
            | u64::from(local) << 24
            | (0xffff - self.len as u64) << 8
    }

    fn goes_with(&self, other: &Datagram<P>) -> bool {
        self.peer == other.peer && self.local == other.local
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::sys::socket::{SockaddrIn, setsockopt};
    use nix::{setsockopt_impl, sockopt_impl};

    use super::*;

    // The kernel then refuses to split messages: every datagram has a checksum of its own.
    sockopt_impl!(NoChecksums, SetOnly, libc::SOL_SOCKET, libc::SO_NO_CHECK, libc::c_int);

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    }

    fn address(socket: &UdpSocket) -> SockaddrIn {
        match socket.local_addr().unwrap() {
            std::net::SocketAddr::V4(address) => address.into(),
            other => panic!("{other}"),
        }
    }

    fn put(outbox: &mut Outbox<SockaddrIn>, octets: &[u8], peer: SockaddrIn) {
        outbox.room()[..octets.len()].copy_from_slice(octets);
        outbox.put(octets.len(), peer, None);
    }

    /// Sends replies of several lengths to three clients, mixed, and has each check its own.
    fn exchange(socket: &UdpSocket, outbox: &mut Outbox<SockaddrIn>) {
        let block = Block::default();
        let clients = [(); 3].map(|()| self::socket());
        let mut sent = [const { Vec::new() }; 3];
        for number in 0..LARGE as u8 {
            let client = [0, 1, 2, 0, 0][number as usize % 5];
            let reply = vec![number; 100 + usize::from(number % 7) * 180];
            put(outbox, &reply, address(&clients[client]));
            sent[client].push(reply);
        }
        outbox.send::<LARGE>(socket, &block);
        for (client, mut sent) in clients.iter().zip(sent) {
            let mut room = [0; 4096];
            let receive = |_| {
                let len = client.recv(&mut room).unwrap();
                room[..len].to_vec()
            };
            let mut received: Vec<Vec<u8>> = (0..sent.len()).map(receive).collect();
            sent.sort();
            received.sort();
            assert_eq!(received, sent);
        }
        assert_eq!(block.send_errors.into_inner(), 0);
    }

    #[test]
    fn everyone_gets_the_replies_that_were_put_for_them() {
        let socket = socket();
        let mut outbox = Outbox::new(&socket);
        for _ in 0..3 {
            exchange(&socket, &mut outbox);
        }
    }

    #[test]
    fn what_the_kernel_does_not_part_goes_one_by_one() {
        let socket = socket();
        setsockopt(&socket, NoChecksums, &1).unwrap();
        let mut outbox = Outbox::new(&socket);
        exchange(&socket, &mut outbox);
        assert!(outbox.joins, "another route may take it");
        outbox.joins = false;
        exchange(&socket, &mut outbox);
    }

    #[test]
    fn what_nobody_can_send_is_counted_once_each() {
        let (socket, block) = (socket(), Block::default());
        let mut outbox = Outbox::new(&socket);
        let nobody = SockaddrIn::new(127, 0, 0, 1, 0);
        let client = self::socket();
        for peer in [nobody, nobody, address(&client), nobody] {
            put(&mut outbox, b"reply", peer);
        }
        outbox.send::<8>(&socket, &block);
        assert_eq!(client.recv(&mut [0; 16]).unwrap(), 5);
        assert_eq!(block.send_errors.into_inner(), 3);
    }

    /// Lengths of the replies in each message to one peer.
    fn messages(lens: &[usize]) -> Vec<Vec<usize>> {
        let mut outbox = Outbox::new(&socket());
        for len in lens {
            outbox.put(*len, SockaddrIn::new(192, 0, 2, 1, 53), None);
        }
        outbox.order.sort_unstable();
        let mut sorted = outbox.order.as_slice();
        let mut messages = vec![];
        while !sorted.is_empty() {
            let (message, others) = sorted.split_at(outbox.joined(sorted));
            messages.push(message.iter().map(|order| outbox.reply(order).len).collect());
            sorted = others;
        }
        messages
    }

    #[test]
    fn a_message_has_parts_of_one_length_and_a_shorter_last_one() {
        assert_eq!(messages(&[70]), [[70]]);
        assert_eq!(messages(&[70, 180, 90, 180]), [vec![180, 180, 90], vec![70]]);
        assert_eq!(messages(&[50, 60, 70, 80]), [[80, 70], [60, 50]]);
        let many: Vec<usize> = messages(&[180; 60]).iter().map(Vec::len).collect();
        assert_eq!(many, [TOGETHER, 60 - TOGETHER]);
    }
}
