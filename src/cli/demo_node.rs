//! One node of the demo: a minimal web server that reports itself healthy.

use std::io::{Read, Write, stdin};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use nix::sys::{prctl, signal::Signal};
use nix::unistd::getppid;

use crate::cli::output::failure;

/// A client that sends nothing for this time is disconnected.
const READ_LIMIT: Duration = Duration::from_millis(500);
/// Most octets of a request that are read.
const REQUEST_ROOM: usize = 1024;

#[derive(Debug, Args)]
pub struct NodeArgs {
    /// What it calls itself
    #[arg(long)]
    name: String,
    /// Where it listens; standard input is its socket when absent
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// End when this process ends, which started it
    #[arg(long, value_name = "PID")]
    parent: Option<i32>,
}

pub fn run(args: &NodeArgs) -> ExitCode {
    if let Some(parent) = args.parent {
        if let Err(error) = prctl::set_pdeathsig(Signal::SIGKILL) {
            return failure(error);
        }
        // The parent may have ended before this process asked for the signal.
        if getppid().as_raw() != parent {
            return ExitCode::SUCCESS;
        }
    }
    let listener = match listener(args.listen) {
        Ok(listener) => listener,
        Err(message) => return failure(message),
    };
    for stream in listener.incoming().flatten() {
        // A client that disconnects is no error.
        let _ = answer(stream, &args.name);
    }
    ExitCode::SUCCESS
}

fn listener(listen: Option<SocketAddr>) -> Result<TcpListener, String> {
    match listen {
        Some(address) => TcpListener::bind(address).map_err(|error| format!("{address}: {error}")),
        None => match stdin().as_fd().try_clone_to_owned() {
            Ok(socket) => Ok(socket.into()),
            Err(error) => Err(format!("standard input: {error}")),
        },
    }
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
