//! Up when a command of the operator exits with 0.
//!
//! ```text
//! slot ─ start in a group of its own ─ read its output ─ exit status ─ end of the group
//!               │                          └─ the timeout: SIGKILL to the whole group
//!               └─ the timeout: this machine is to blame, not the node
//! ```
//!
//! There is no shell: the command is a list of arguments. It runs in `/`, without input, and knows
//! nothing of this process's environment but what `environment` says. Standard output and errors
//! are one stream, whose first line is the reason that is shown. What the command leaves running in
//! its group does not outlive it; a process that makes a group or session of its own does, and is
//! for the command to end.

use std::io::{self, Read};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::checks::exec::checked::ExecProbe;
use crate::checks::probe::ProbeKind;
use crate::cluster::visible::excerpt;
use crate::health::probe::answer::ProbeAnswer;
use crate::health::probe::ask::{Ask, Subject};
use crate::health::probe::failure::Failure;
use crate::health::probe::simulated::SimulatedAnswers;
use crate::health::probe::start::start;

/// The command exits with 0.
pub const SUCCESS: ProbeAnswer = ProbeAnswer::Text("exit status 0");
/// Commands that run at the same time, over all targets. Others wait before their time begins.
pub const AT_ONCE: usize = 16;
/// Octets that a command may say; one that says more is ended.
const MAX_OUTPUT: usize = 64 * 1024;
/// Characters of the first line that are shown.
const MAX_LINE: usize = 200;
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static SLOTS: Semaphore = Semaphore::const_new(AT_ONCE);

#[derive(Debug)]
pub struct ExecProber {
    command: Vec<String>,
    environment: [(&'static str, String); 5],
    /// It has not come back from the start yet.
    is_starting: AtomicBool,
}

impl ExecProber {
    pub fn new(subject: &Subject, probe: &ExecProbe) -> ExecProber {
        ExecProber {
            command: probe.command.clone(),
            environment: environment(subject),
            is_starting: AtomicBool::new(false),
        }
    }
}

fn environment(subject: &Subject) -> [(&'static str, String); 5] {
    [
        ("TIOVIVO_NODE", subject.node.to_string()),
        ("TIOVIVO_POOL", subject.pool.to_string()),
        ("TIOVIVO_ADDRESS", subject.address.to_string()),
        ("PATH", PATH.into()),
        ("LC_ALL", "C.UTF-8".into()),
    ]
}

impl Ask for ExecProber {
    async fn turn(&self) -> Option<SemaphorePermit<'static>> {
        SLOTS.acquire().await.ok()
    }

    fn silence(&self, within: Duration) -> Failure {
        match self.is_starting.load(Ordering::Relaxed) {
            true => Failure::Unstartable("the disk that it is on has not answered"),
            false => Failure::NoAnswer { within },
        }
    }

    async fn ask(&self) -> Result<ProbeAnswer, Failure> {
        let (reader, writer) = io::pipe().map_err(|error| unstartable(&error))?;
        let mut reader =
            Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(|error| unstartable(&error))?;
        let (program, command) = self.command(writer).map_err(|error| unstartable(&error))?;
        self.is_starting.store(true, Ordering::Relaxed);
        // Its ends of the pipe are the child's alone afterwards.
        let started = start(program, command).await;
        self.is_starting.store(false, Ordering::Relaxed);
        let (group, mut child) = started.map_err(|error| unstartable(&error))?;
        let mut output = Output::default();
        let mut piece = [0; 4096];
        let mut is_open = true;
        let status = loop {
            tokio::select! {
                biased;
                read = reader.read(&mut piece), if is_open => match read {
                    Ok(0) | Err(_) => is_open = false,
                    Ok(length) => output.take(&piece[..length])?,
                },
                status = child.wait() => break status.map_err(|error| unstartable(&error))?,
            }
        };
        // Right after the leader was waited for, before its number can belong to somebody else.
        drop(group);
        // What it said last may be there before the runtime knows.
        let rest = reader.into_nonblocking_fd().map_err(|error| unstartable(&error))?;
        let mut rest = io::PipeReader::from(rest);
        while let Ok(length @ 1..) = rest.read(&mut piece) {
            output.take(&piece[..length])?;
        }
        match status.code() {
            Some(0) => Ok(SUCCESS),
            code => Err(Failure::Exit { code, line: output.line() }),
        }
    }
}

impl ProbeKind for ExecProbe {
    type Prober = ExecProber;

    fn prober(&self, subject: &Subject) -> Option<ExecProber> {
        Some(ExecProber::new(subject, self))
    }

    fn describe(&self, address: IpAddr) -> String {
        format!("command {} for {address}", self.command.join(" "))
    }

    fn simulated_answers(&self) -> SimulatedAnswers {
        let failing = || Err(Failure::Exit { code: Some(1), line: String::new() });
        SimulatedAnswers { well: SUCCESS, hung: None, failing: failing(), closed: failing() }
    }
}

impl ExecProber {
    fn command(&self, output: io::PipeWriter) -> io::Result<(&str, Command)> {
        let (program, arguments) = self.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        Ok((program, command))
    }
}

/// The beginning of what the command says.
#[derive(Debug, Default)]
struct Output {
    first: Vec<u8>,
    said: usize,
}

impl Output {
    fn take(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.said += piece.len();
        if self.said > MAX_OUTPUT {
            return Err(Failure::EndlessOutput);
        }
        if !self.first.contains(&b'\n') {
            self.first.extend_from_slice(piece);
        }
        Ok(())
    }

    fn line(&self) -> String {
        let line = self.first.split(|&octet| octet == b'\n').next().unwrap_or_default();
        let text = String::from_utf8_lossy(line);
        excerpt(text.trim(), MAX_LINE)
    }
}

fn unstartable(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => Failure::Unstartable("there is no such file"),
        io::ErrorKind::PermissionDenied => Failure::Unstartable("it may not be executed"),
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => {
            Failure::Unstartable("this machine has no room for a process")
        }
        _ => match Failure::from(error) {
            Failure::NoSocket => Failure::NoSocket,
            _ => Failure::Unstartable("it is no program of this machine"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_shown_with_control_characters_escaped_and_bounded() {
        let line = |pieces: &[&[u8]]| {
            let mut output = Output::default();
            pieces.iter().for_each(|piece| output.take(piece).unwrap());
            output.line()
        };
        assert_eq!(line(&[b"disk ", b"full\r\nmore", b"\nlines"]), "disk full");
        assert_eq!(line(&[b"\x1b[31mred\n"]), "\\u{1b}[31mred");
        assert_eq!(line(&[b"\xff\n"]), "\u{fffd}");
        assert_eq!(line(&[]), "");
        assert_eq!(line(&[&[b'x'; 1000]]).len(), MAX_LINE);
    }

    #[test]
    fn output_is_bounded() {
        let mut output = Output::default();
        assert_eq!(output.take(&[b'x'; MAX_OUTPUT]), Ok(()));
        assert_eq!(output.take(b"x"), Err(Failure::EndlessOutput));
    }
}
