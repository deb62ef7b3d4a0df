//! The limits of TCP, short ones, over real sockets in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tiovivo::counters::Counters;
use tiovivo::dns::connections::{Connections, StreamLimits};
use tiovivo::dns::cookie_clock::CookieClock;
use tiovivo::dns::frames::UNANSWERED;
use tiovivo::dns::responder::Responder;
use tiovivo::dns::stream::serve;
use tiovivo::snapshot::publish::channel;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::world::{Ask, World};

const ZONE: &str = include_str!("../../zones/midominio.com.zone");
const CONFIG: &str = include_str!("../../config.yaml");
const BOUND: Duration = Duration::from_secs(20);
/// Far more than any test takes.
const NEVER: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(300);

const WIDE: StreamLimits = StreamLimits {
    connections: 100,
    per_client: 100,
    per_site: 100,
    idle: NEVER,
    write: NEVER,
    total: NEVER,
    memory: 1 << 20,
};

struct Server {
    address: std::net::SocketAddr,
    counters: Arc<Counters>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(limits: StreamLimits) -> Server {
        let world = World::load(&[("config.yaml", CONFIG), ("zones/midominio.com.zone", ZONE)]);
        let (_, reader) = channel(world.snapshot);
        let counters = Arc::new(Counters::new(1));
        let responder = Responder {
            reader,
            counters: Arc::clone(&counters),
            turn: Arc::new(AtomicU64::new(0)),
            stop: Arc::new(AtomicBool::new(false)),
            clock: CookieClock::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, responder, Connections::new(limits), stop.clone()));
        Server { address, counters, stop, task }
    }

    /// A client on an address of its own.
    async fn connect(&self, from: &str) -> TcpStream {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    fn evicted(&self) -> u64 {
        self.counters.connections_evicted.load(Ordering::SeqCst)
    }

    fn open(&self) -> u64 {
        self.counters.connections_open.load(Ordering::SeqCst)
    }
}

fn frame() -> Vec<u8> {
    let query = Ask::new("midominio.com", "ANY").message();
    [&(query.len() as u16).to_be_bytes(), query.as_slice()].concat()
}

async fn exchange(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(&frame()).await?;
    read_reply(stream).await
}

async fn read_reply(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut reply = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut reply).await.map(|_| ())
}

/// How long until the other side closes.
async fn closed(stream: &mut TcpStream) -> Duration {
    let start = Instant::now();
    let mut room = [0; 4096];
    while timeout(BOUND, stream.read(&mut room)).await.expect("closed").is_ok_and(|len| len > 0) {}
    start.elapsed()
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_limit_and_a_busy_one_is_not() {
    let server = Server::start(StreamLimits { idle: SHORT, ..WIDE }).await;
    let (mut idle, mut busy) =
        (server.connect("127.0.0.2").await, server.connect("127.0.0.2").await);
    let start = Instant::now();
    while start.elapsed() < 3 * SHORT {
        exchange(&mut busy).await.unwrap();
        sleep(SHORT / 20).await;
    }
    assert_eq!(server.open(), 1);
    assert!(closed(&mut idle).await < SHORT);
    assert!(closed(&mut busy).await > SHORT / 2);
    assert_eq!(server.evicted(), 0, "nobody had to make room");
}

/// RFC 7766 §6.2.3: without a limit on whole messages a byte now and then would hold it for ever.
#[tokio::test]
async fn a_query_that_comes_byte_by_byte_too_slowly_is_idleness() {
    let server = Server::start(StreamLimits { idle: SHORT, ..WIDE }).await;
    let stream = server.connect("127.0.0.2").await;
    let (mut read, mut write) = stream.into_split();
    let start = Instant::now();
    let slow = async {
        for byte in frame() {
            if write.write_all(&[byte]).await.is_err() {
                return;
            }
            sleep(SHORT / 3).await;
        }
    };
    let end = async {
        let mut room = [0; 16];
        assert!(!matches!(read.read(&mut room).await, Ok(1..)), "no whole query ever came");
    };
    tokio::select! {
        () = end => {}
        () = slow => {}
    }
    assert!(start.elapsed() < 5 * SHORT, "{:?}", start.elapsed());
}

/// Empty, without a whole header, and a response: RFC 1035 has no answer to them.
const SILENT: [&[u8]; 3] =
    [&[0, 0], &[0, 3, 1, 2, 3], &[0, 12, 0, 7, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]];

#[tokio::test]
async fn a_few_messages_may_go_unanswered_and_no_more() {
    let server = Server::start(WIDE).await;
    for silent in SILENT {
        let mut stream = server.connect("127.0.0.2").await;
        stream.write_all(&[silent.repeat(UNANSWERED), frame()].concat()).await.unwrap();
        exchange(&mut stream).await.expect("what is good is answered");
        // The reply to the first good one is read as the second's: they are equal.
        stream.write_all(&[frame().as_slice(), silent, &frame()].concat()).await.unwrap();
        let mut replies = 0;
        while read_reply(&mut stream).await.is_ok() {
            replies += 1;
        }
        assert_eq!(replies, 2, "what came before the one too many, and then the end");
    }
}

#[tokio::test]
async fn messages_that_get_no_reply_do_not_keep_a_connection_open() {
    let server = Server::start(StreamLimits { idle: SHORT, ..WIDE }).await;
    let mut stream = server.connect("127.0.0.2").await;
    let start = Instant::now();
    for _ in 0..UNANSWERED {
        sleep(SHORT / 3).await;
        if stream.write_all(SILENT[0]).await.is_err() {
            break;
        }
    }
    closed(&mut stream).await;
    assert!(start.elapsed() < SHORT * 3, "{:?}", start.elapsed());
}

/// Whoever asks without end, and takes the replies, is held by the limit in all as well.
#[tokio::test]
async fn a_client_that_never_pauses_is_cut_too() {
    let server = Server::start(StreamLimits { total: SHORT, ..WIDE }).await;
    let (mut read, mut write) = server.connect("127.0.0.2").await.into_split();
    let frames = frame().repeat(1000);
    let asking = tokio::spawn(async move { while write.write_all(&frames).await.is_ok() {} });
    let mut room = vec![0; 64 * 1024];
    let reading = async { while read.read(&mut room).await.is_ok_and(|len| len > 0) {} };
    timeout(BOUND, reading).await.expect("it is cut");
    timeout(BOUND, asking).await.expect("it is cut").unwrap();
}

#[tokio::test]
async fn long_messages_share_a_bounded_memory() {
    let server = Server::start(StreamLimits { memory: 100 * 1024, ..WIDE }).await;
    let half = [&[0xff, 0xff][..], &[0; 100]].concat();
    let mut first = server.connect("127.0.0.2").await;
    first.write_all(&half).await.unwrap();
    exchange(&mut server.connect("127.0.0.3").await).await.expect("a short one needs none of it");
    let mut second = server.connect("127.0.0.2").await;
    second.write_all(&half).await.unwrap();
    closed(&mut second).await;
    drop(first);
    let mut third = server.connect("127.0.0.2").await;
    let mut long = frame();
    long.resize(2 + 60_000, 0);
    long[..2].copy_from_slice(&60_000_u16.to_be_bytes());
    third.write_all(&long).await.unwrap();
    read_reply(&mut third).await.expect("there is room again");
}

#[tokio::test]
async fn nobody_stays_longer_than_the_limit_in_all() {
    let server = Server::start(StreamLimits { total: SHORT, ..WIDE }).await;
    let mut busy = server.connect("127.0.0.2").await;
    let start = Instant::now();
    while exchange(&mut busy).await.is_ok() {
        assert!(start.elapsed() < BOUND);
        sleep(SHORT / 20).await;
    }
    assert!(start.elapsed() >= SHORT);
}

/// Asks without end and takes no reply.
async fn ask_without_reading(stream: &TcpStream) {
    let frames = frame().repeat(1000);
    loop {
        if stream.writable().await.is_err() {
            return;
        }
        match stream.try_write(&frames) {
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_slow_reader_is_cut() {
    for limits in [StreamLimits { write: SHORT, ..WIDE }, StreamLimits { total: SHORT, ..WIDE }] {
        let server = Server::start(limits).await;
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(server.address).await.unwrap();
        timeout(BOUND, ask_without_reading(&stream)).await.expect("it is cut");
        timeout(BOUND, async {
            while server.open() > 0 {
                sleep(SHORT / 20).await;
            }
        })
        .await
        .expect("it is forgotten");
    }
}

#[tokio::test]
async fn a_client_with_too_many_loses_its_own_idlest() {
    let server = Server::start(StreamLimits { per_client: 3, ..WIDE }).await;
    let mut other = server.connect("127.0.0.3").await;
    exchange(&mut other).await.unwrap();
    let mut own = vec![];
    for _ in 0..3 {
        own.push(server.connect("127.0.0.2").await);
        exchange(own.last_mut().unwrap()).await.unwrap();
    }
    exchange(&mut own[0]).await.unwrap();
    let mut fourth = server.connect("127.0.0.2").await;
    exchange(&mut fourth).await.unwrap();
    closed(&mut own[1]).await;
    for stream in [&mut own[0], &mut fourth, &mut other] {
        exchange(stream).await.unwrap();
    }
    exchange(&mut own[2]).await.unwrap();
    assert_eq!((server.open(), server.evicted()), (4, 1));
}

#[tokio::test]
async fn when_the_server_is_full_the_idlest_of_all_makes_room() {
    let server = Server::start(StreamLimits { connections: 3, ..WIDE }).await;
    let mut streams = vec![];
    for from in ["127.0.0.2", "127.0.0.3", "127.0.0.4"] {
        streams.push(server.connect(from).await);
        exchange(streams.last_mut().unwrap()).await.unwrap();
    }
    exchange(&mut streams[0]).await.unwrap();
    let mut fourth = server.connect("127.0.0.5").await;
    exchange(&mut fourth).await.unwrap();
    closed(&mut streams[1]).await;
    for stream in [&mut streams[0], &mut fourth] {
        exchange(stream).await.unwrap();
    }
    exchange(&mut streams[2]).await.unwrap();
    assert_eq!((server.open(), server.evicted()), (3, 1));
}

#[tokio::test]
async fn a_stop_ends_the_connections_and_the_task() {
    let server = Server::start(WIDE).await;
    let mut stream = server.connect("127.0.0.2").await;
    exchange(&mut stream).await.unwrap();
    server.stop.cancel();
    timeout(BOUND, server.task).await.expect("it ends").unwrap();
    assert!(closed(&mut stream).await < BOUND);
    assert_eq!(server.counters.connections_open.load(Ordering::SeqCst), 0);
}
