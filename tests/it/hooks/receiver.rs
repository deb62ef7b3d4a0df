//! A receiver of webhooks that is as well as the test wants it to be.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::BASE64;
use ring::hmac;
use serde_json::Value;
use socket2::{Domain, Socket, Type};

pub const SECRET: &str = "a-secret-of-the-test";

/// What it does with an event.
#[derive(Clone, Copy)]
pub enum Manner {
    Takes,
    /// With this status.
    Answers(u16),
    Hangs,
    /// Its answer, at one octet a second.
    Trickles,
    /// With a folded header and 200 more.
    Folds,
    /// With what is no HTTP, although it took the event.
    Babbles,
}

const HANGS: u16 = 0;
const TRICKLES: u16 = 1;
const FOLDS: u16 = 2;
const BABBLES: u16 = 3;

/// Its connections share what it got.
#[derive(Clone, Default)]
pub struct Receiver {
    manner: Arc<AtomicU16>,
    attempts: Arc<AtomicUsize>,
    /// Events with this text are refused with 422.
    poison: Arc<Mutex<Option<String>>>,
    /// `webhook-id` and body, as it took them.
    got: Arc<Mutex<Vec<(String, String)>>>,
}

/// An address where nobody listens, and nobody else can, until it does.
pub struct Nobody(Socket);

impl Nobody {
    pub fn new() -> Nobody {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        Nobody(socket)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }

    pub fn listen(self) -> TcpListener {
        self.0.listen(128).unwrap();
        self.0.into()
    }
}

impl Receiver {
    pub fn start(manner: Manner) -> (Receiver, SocketAddr) {
        let receiver = Receiver::default();
        receiver.is(manner);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        receiver.listen(listener);
        (receiver, address)
    }

    pub fn listen(&self, listener: TcpListener) {
        let its = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let its = its.clone();
                std::thread::spawn(move || its.converse(stream));
            }
        });
    }

    pub fn is(&self, manner: Manner) {
        let code = match manner {
            Manner::Takes => 204,
            Manner::Answers(code) => code,
            Manner::Hangs => HANGS,
            Manner::Trickles => TRICKLES,
            Manner::Folds => FOLDS,
            Manner::Babbles => BABBLES,
        };
        self.manner.store(code, Ordering::SeqCst);
    }

    pub fn refuses(&self, text: &str) {
        *self.poison.lock().unwrap() = Some(text.to_owned());
    }

    pub fn attempts(&self) -> usize {
        self.attempts.load(Ordering::SeqCst)
    }

    fn converse(&self, mut stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let (mut length, mut id, mut time, mut signature) = (0, String::new(), String::new(), None);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim().split_once(": ") else {
                if line.starts_with("POST ") {
                    continue;
                }
                break;
            };
            match name {
                "content-length" => length = value.parse().ok()?,
                "webhook-id" => id = value.to_owned(),
                "webhook-timestamp" => time = value.to_owned(),
                "webhook-signature" => signature = value.strip_prefix("v1,").map(str::to_owned),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        self.attempts.fetch_add(1, Ordering::SeqCst);
        let text = String::from_utf8(body.clone()).ok()?;
        let poison = self.poison.lock().unwrap().clone();
        let code = match self.manner.load(Ordering::SeqCst) {
            HANGS => {
                // Until the other side gives up.
                let _ = reader.read(&mut [0]);
                return None;
            }
            TRICKLES => {
                for octet in b"HTTP/1.1 204 Fine\r\n\r\n" {
                    stream.write_all(&[*octet]).ok()?;
                    std::thread::sleep(Duration::from_secs(1));
                }
                return None;
            }
            FOLDS => {
                self.got.lock().unwrap().push((id, text));
                let headers = "X-Many: y\r\n".repeat(200);
                return write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nX-Long: one\r\n two\r\n{headers}no colon\r\n\r\n"
                )
                .ok();
            }
            BABBLES => return stream.write_all(b"+OK thank you\r\n\r\n").ok(),
            _ if poison.is_some_and(|poison| text.contains(&poison)) => 422,
            code => code,
        };
        if code == 204 {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
            let signed = [format!("{id}.{time}.").as_bytes(), &body].concat();
            let tag = BASE64.decode(signature?.as_bytes()).ok()?;
            hmac::verify(&key, &signed, &tag).ok()?;
            self.got.lock().unwrap().push((id, text));
            return stream.write_all(b"HTTP/1.1 204 Fine\r\n\r\n").ok();
        }
        write!(stream, "HTTP/1.1 {code} No\r\ncontent-length: 0\r\n\r\n").ok()
    }

    /// What it took, in order; each event once, if it came twice in a row.
    pub fn events(&self) -> Vec<Value> {
        let mut got = self.got.lock().unwrap().clone();
        got.dedup();
        let event = |(id, body): &(String, String)| {
            let body: Value = serde_json::from_str(body).unwrap();
            assert!(id.starts_with(&format!("{}-", body["id"])), "{id} {body}");
            body
        };
        got.iter().map(event).collect()
    }

    /// The `id` of each of [`Receiver::events`].
    pub fn ids(&self) -> Vec<u64> {
        self.events().iter().map(|event| event["id"].as_u64().unwrap()).collect()
    }
}
