//! What the kernel takes for UDP alone: sends back what comes, as a reply of about the length that
//! DNS answers have, 64 messages a system call. `bench/compare.py` holds name servers against it.
//! `cargo run --release --example echo 127.0.0.1:5300`

use std::io::{self, IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, setsockopt, sockopt,
};

const BATCH: usize = 64;
const ROOM: usize = 2048;
/// Mean length of the answers in the comparison.
const LENGTH: usize = 143;
const RECEIVE_BUFFER: usize = 4 << 20;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:5300".into());
    let socket = UdpSocket::bind(&address)?;
    setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
    let fd = socket.as_raw_fd();
    let mut received = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut sent = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut messages = vec![0; BATCH * ROOM];
    let mut peers = Vec::with_capacity(BATCH);
    loop {
        peers.clear();
        let mut rooms = messages.chunks_exact_mut(ROOM);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or_default())]);
        let wait = MsgFlags::MSG_WAITFORONE;
        let queries = recvmmsg(fd, &mut received, slices.iter_mut(), wait, None)?;
        peers.extend(queries.map(|query| query.address));
        // A reply has the bit QR.
        messages.chunks_exact_mut(ROOM).take(peers.len()).for_each(|message| message[2] |= 0x80);
        let mut rooms = messages.chunks_exact(ROOM);
        let slices: [[IoSlice<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSlice::new(&rooms.next().unwrap_or_default()[..LENGTH])]);
        let none: &[ControlMessage<'_>] = &[];
        let (mut done, all) = (0, peers.len());
        while done < all {
            let (slices, peers) = (&slices[done..all], &peers[done..]);
            let now = MsgFlags::empty();
            let taken = sendmmsg(fd, &mut sent, slices.iter(), peers, none, now);
            done += taken.map_or(1, |results| results.count().max(1));
        }
    }
}
