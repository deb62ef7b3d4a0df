//! Many connections that send without end, and those who ask little.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use tiovivo::counters::Counters;
use tiovivo::dns::connections::{Connections, StreamLimits};
use tiovivo::dns::cookie_clock::CookieClock;
use tiovivo::dns::responder::Responder;
use tiovivo::dns::stream::{Session, converse};
use tiovivo::dns::work_slice::{AT_ONCE, SLICE_MESSAGES};
use tiovivo::snapshot::publish::channel;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::yield_now;

use crate::world::{Ask, World};

const ZONE: &str = include_str!("../../zones/midominio.com.zone");
const CONFIG: &str = include_str!("../../config.yaml");
const BUSY: usize = 200;
/// Queries of a busy connection, which it sends ahead.
const QUERIES: usize = 4 * SLICE_MESSAGES;
/// More than its queries and their replies.
const WIDE: usize = 1 << 20;
const NARROW: usize = 6 * 1024;

struct Server {
    responder: Responder,
    connections: Connections,
}

impl Server {
    fn new() -> Server {
        let world = World::load(&[("config.yaml", CONFIG), ("zones/midominio.com.zone", ZONE)]);
        let (_, reader) = channel(world.snapshot);
        let responder = Responder {
            reader,
            counters: Arc::new(Counters::new(1)),
            turn: Arc::new(AtomicU64::new(0)),
            stop: Arc::new(AtomicBool::new(false)),
            clock: CookieClock::default(),
        };
        Server { responder, connections: Connections::new(StreamLimits::default()) }
    }

    /// A connection with so many queries in it, and so much room for octets on their way.
    async fn connect(&self, number: usize, queries: usize, room: usize) -> DuplexStream {
        let (mut client, stream) = duplex(room);
        let query = Ask::new("midominio.com", "A").message();
        let frame = [&(query.len() as u16).to_be_bytes(), query.as_slice()].concat();
        client.write_all(&frame.repeat(queries)).await.unwrap();
        let address: IpAddr = Ipv4Addr::from_bits(0x7f00_0000 + number as u32).into();
        let session = Session::new(address, &self.responder, &self.connections);
        tokio::spawn(async move { converse(stream, &session).await });
        client
    }

    fn answered(&self) -> usize {
        self.responder.turn.load(std::sync::atomic::Ordering::SeqCst) as usize
    }
}

async fn read_replies(client: &mut DuplexStream, count: usize) {
    for _ in 0..count {
        let mut reply = vec![0; client.read_u16().await.unwrap().into()];
        client.read_exact(&mut reply).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_waits_for_a_few_slices_and_not_for_one_of_each_busy_connection() {
    let server = Server::new();
    let mut busy = vec![];
    for number in 0..BUSY {
        busy.push(server.connect(number, QUERIES, WIDE).await);
    }
    let all = BUSY * QUERIES;
    while server.answered() < all / 2 {
        yield_now().await;
    }
    let before = server.answered();
    let mut newcomer = server.connect(BUSY, 1, WIDE).await;
    read_replies(&mut newcomer, 1).await;
    let meanwhile = server.answered() - before;
    assert!(meanwhile < 8 * AT_ONCE * SLICE_MESSAGES, "{meanwhile} of others were answered first");
    assert!(before + meanwhile < all, "the others were done");
    // Nobody is left behind.
    for client in &mut busy {
        read_replies(client, QUERIES).await;
    }
    assert_eq!(server.answered(), all + 1);
}

#[tokio::test(start_paused = true)]
async fn busy_connections_are_served_alike() {
    let server = Server::new();
    let mut busy = vec![];
    for number in 0..BUSY {
        busy.push(server.connect(number, QUERIES, WIDE).await);
    }
    while server.answered() < BUSY * QUERIES * 3 / 4 {
        yield_now().await;
    }
    for client in &mut busy {
        tokio::task::unconstrained(read_replies(client, QUERIES / 2)).await;
        assert!(server.answered() < BUSY * QUERIES, "some were done when others had not half");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_do_not_read_their_replies_hold_up_no_busy_one() {
    let server = Server::new();
    let mut deaf = vec![];
    for number in 0..2 * AT_ONCE {
        deaf.push(server.connect(number, QUERIES, NARROW).await);
    }
    let mut busy = server.connect(100, QUERIES, WIDE).await;
    let start = tokio::time::Instant::now();
    read_replies(&mut busy, QUERIES).await;
    assert!(start.elapsed() < StreamLimits::default().write, "before the others are cut");
    assert!(server.answered() < (2 * AT_ONCE + 1) * QUERIES, "the others do wait to be read");
}
