//! The limits of TCP, short ones, over real sockets in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tiovivo::counters::Counters;
use tiovivo::dns::clock::Clock;
use tiovivo::dns::stream::{Connections, Limits, serve};
use tiovivo::dns::udp::Shared;
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

const WIDE: Limits =
    Limits { connections: 100, per_client: 100, idle: NEVER, write: NEVER, total: NEVER };

struct Server {
    address: std::net::SocketAddr,
    counters: Arc<Counters>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(limits: Limits) -> Server {
        let world = World::load(&[("config.yaml", CONFIG), ("zones/midominio.com.zone", ZONE)]);
        let (_, reader) = channel(world.snapshot);
        let counters = Arc::new(Counters::new(1));
        let shared = Shared {
            reader,
            counters: Arc::clone(&counters),
            turn: Arc::new(AtomicU64::new(0)),
            stop: Arc::new(AtomicBool::new(false)),
            clock: Clock::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, shared, Connections::new(limits), stop.clone()));
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
    let server = Server::start(Limits { idle: SHORT, ..WIDE }).await;
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
    let server = Server::start(Limits { idle: SHORT, ..WIDE }).await;
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

#[tokio::test]
async fn nobody_stays_longer_than_the_limit_in_all() {
    let server = Server::start(Limits { total: SHORT, ..WIDE }).await;
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
    for limits in [Limits { write: SHORT, ..WIDE }, Limits { total: SHORT, ..WIDE }] {
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
    let server = Server::start(Limits { per_client: 3, ..WIDE }).await;
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
    let server = Server::start(Limits { connections: 3, ..WIDE }).await;
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
