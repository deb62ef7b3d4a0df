//! One node of the demo: a web server as small as can be, which says that it is well.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use nix::sys::{prctl, signal::Signal};

use crate::cli::failure;

/// A client that sends nothing is let go after this.
const READ_LIMIT: Duration = Duration::from_millis(500);
/// Octets of a request that are looked at.
const REQUEST_ROOM: usize = 1024;

#[derive(Debug, Args)]
pub struct NodeArgs {
    /// What it calls itself
    #[arg(long)]
    name: String,
    #[arg(long, value_name = "ADDR:PORT")]
    listen: SocketAddr,
    /// End when the process that started it ends
    #[arg(long)]
    with_parent: bool,
}

pub fn run(args: &NodeArgs) -> ExitCode {
    if args.with_parent
        && let Err(error) = prctl::set_pdeathsig(Signal::SIGKILL)
    {
        return failure(error);
    }
    let listener = match TcpListener::bind(args.listen) {
        Ok(listener) => listener,
        Err(error) => return failure(format!("{}: {error}", args.listen)),
    };
    for stream in listener.incoming().flatten() {
        // A client that breaks off is no concern of the node.
        let _ = answer(stream, &args.name);
    }
    ExitCode::SUCCESS
}

fn answer(mut stream: TcpStream, name: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(READ_LIMIT))?;
    let mut request = [0; REQUEST_ROOM];
    let len = stream.read(&mut request)?;
    if len == 0 {
        return Ok(());
    }
    let body = format!("{name} is well, process {}\n", std::process::id());
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}
