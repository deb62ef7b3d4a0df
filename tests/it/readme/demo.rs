//! `tiovivo demo` as a stranger runs it, on ports that are free.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tiovivo::dns_client::{exchange, present};
use tiovivo::zone::name::Name;
use tiovivo::zone::rdata::table::type_number;

const SOON: Duration = Duration::from_secs(5);
const START: Duration = Duration::from_secs(20);
/// Lines of the screen that wait to be looked at; beyond, the demo waits.
const LINES: usize = 4096;

pub struct Demo {
    process: Child,
    dns: SocketAddr,
    dashboard: SocketAddr,
    server_3: i32,
    config: String,
}

impl Demo {
    pub fn start() -> Demo {
        let mut process = Command::new(env!("CARGO_BIN_EXE_tiovivo"))
            .args(["demo", "--port", "0", "--dashboard-port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let screen = BufReader::new(process.stdout.take().unwrap());
        let (lines, shown) = sync_channel(LINES);
        std::thread::spawn(move || {
            for line in screen.lines().map_while(Result::ok) {
                // Whoever asked has seen enough; the demo goes on writing all the same.
                let _ = lines.send(line);
            }
        });
        let mut text = String::new();
        while !text.contains("Ctrl-C ends it") {
            let line = shown.recv_timeout(START);
            let line = line.unwrap_or_else(|_| panic!("no end of the screen:\n{text}"));
            text.push_str(&line);
            text.push('\n');
        }
        let until = |mark: &str, end: &[char]| {
            let at = text.find(mark).unwrap_or_else(|| panic!("{mark:?} in {text}")) + mark.len();
            let rest = &text[at..];
            rest[..rest.find(end).unwrap()].to_owned()
        };
        let after = |mark: &str| until(mark, &[' ', '/', '\n']);
        let port: u16 = after("dig @127.0.0.1 -p ").parse().unwrap();
        Demo {
            dns: ([127, 0, 0, 1], port).into(),
            dashboard: after("http://").parse().unwrap(),
            server_3: after("\n  kill ").parse().unwrap(),
            config: until(" drain server-4 --config ", &['\n', ' ']),
            process,
        }
    }

    /// What dig prints with `+noall +answer`, blanks joined, sorted.
    pub fn answer(&self, name: &str, rtype: &str) -> Vec<String> {
        let name = Name::parse(name).unwrap();
        let query = exchange::question(&name, type_number(rtype).unwrap());
        let reply = exchange::ask(self.dns, &query).unwrap();
        let text = present::message(&reply).unwrap();
        let lines = text.lines().skip_while(|line| *line != ";; ANSWER SECTION:").skip(1);
        sorted(lines.take_while(|line| !line.is_empty()))
    }

    pub fn kill_server_3(&self) {
        kill(Pid::from_raw(self.server_3), Signal::SIGTERM).unwrap();
    }

    /// What `tiovivo` with these words prints, given the demo's configuration.
    pub fn order(&self, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tiovivo"));
        command.args(words).args(["--config", &self.config]);
        // Port 0 was asked for: the file does not know which one it became.
        let output = command.args(["--at", &self.dashboard.to_string()]).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    /// Status line, header and body.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.dashboard).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let host = self.dashboard;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut reply = vec![];
        stream.read_to_end(&mut reply).unwrap();
        String::from_utf8(reply).unwrap()
    }
}

pub fn sorted<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let joined = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines: Vec<String> = lines.map(joined).collect();
    lines.sort();
    lines
}

impl Drop for Demo {
    fn drop(&mut self) {
        // In order, so that it takes its folder and its nodes along.
        let _ = kill(Pid::from_raw(self.process.id() as i32), Signal::SIGINT);
        let _ = self.process.wait();
    }
}
