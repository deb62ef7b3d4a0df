//! Up when a text is in what the server says, at once or upon what is sent to it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cluster::check::TalkProbe;
use crate::health::probe::failure::Failure;
use crate::health::probe::find::Find;
use crate::health::probe::{Ask, Said};

/// Octets that are read at once.
const PIECE: usize = 4096;

#[derive(Debug)]
pub struct TalkProber {
    socket: SocketAddr,
    send: Option<Arc<str>>,
    expect: Arc<str>,
}

impl TalkProber {
    pub fn new(address: IpAddr, probe: &TalkProbe) -> TalkProber {
        TalkProber {
            socket: SocketAddr::new(address, probe.port),
            send: probe.send.as_deref().map(Arc::from),
            expect: probe.expect.as_str().into(),
        }
    }
}

impl Ask for TalkProber {
    async fn ask(&self) -> Result<Said, Failure> {
        let mut stream = TcpStream::connect(self.socket).await?;
        if let Some(text) = &self.send {
            stream.write_all(text.as_bytes()).await?;
        }
        let mut find = Find::new(&self.expect);
        let mut piece = [0; PIECE];
        loop {
            match stream.read(&mut piece).await? {
                0 if find.has_begun() => return Err(find.ended()),
                0 => return Err(Failure::Closed),
                length => match find.take(&piece[..length]) {
                    Some(verdict) => return verdict.map(|()| Said::Expected),
                    None => continue,
                },
            }
        }
    }
}
