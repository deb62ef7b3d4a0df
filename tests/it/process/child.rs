//! A child of the cluster: a web server that is as well as the test wants it to be.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How a child takes a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Mood {
    /// 200
    Well,
    /// 500
    Ill,
    /// Accepts and says nothing.
    Silent,
    /// Accepts, and answers when it is in another mood.
    Waiting,
}

pub struct Child {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    mood: AtomicU8,
    probes: AtomicU64,
    stop: AtomicBool,
}

/// Silent connections that are held open at a time.
const HELD: usize = 64;
const READ_LIMIT: Duration = Duration::from_secs(1);

impl Child {
    /// On port 0, or on one that must be free.
    pub fn start(ip: Ipv4Addr, port: u16) -> std::io::Result<Child> {
        let listener = TcpListener::bind((ip, port))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            mood: AtomicU8::new(Mood::Well as u8),
            probes: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let its = Arc::clone(&shared);
        let thread = std::thread::spawn(move || its.serve(&listener));
        Ok(Child { address, shared, thread: Some(thread) })
    }

    pub fn is(&self, mood: Mood) {
        self.shared.mood.store(mood as u8, Ordering::SeqCst);
    }

    /// Connections so far.
    pub fn probes(&self) -> u64 {
        self.shared.probes.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn serve(&self, listener: &TcpListener) {
        let mut held = vec![];
        for stream in listener.incoming().flatten() {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            self.probes.fetch_add(1, Ordering::SeqCst);
            let mood = self.mood_to_answer_in();
            if mood == Mood::Silent as u8 {
                held.truncate(HELD - 1);
                held.insert(0, stream);
            } else {
                let line = if mood == Mood::Well as u8 { "200 OK" } else { "500 Ill" };
                // A prober that breaks off does not matter.
                let _ = answer(stream, line);
            }
        }
    }

    fn mood_to_answer_in(&self) -> u8 {
        loop {
            let mood = self.mood.load(Ordering::SeqCst);
            if mood != Mood::Waiting as u8 || self.stop.load(Ordering::SeqCst) {
                return mood;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn answer(mut stream: TcpStream, line: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(READ_LIMIT))?;
    let _ = stream.read(&mut [0; 1024])?;
    write!(stream, "HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

impl Drop for Child {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
