//! A running `tiovivo serve`, known by what it logs.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::process::client;
use crate::process::site::Site;
use crate::process::until;

pub const BINARY: &str = env!("CARGO_BIN_EXE_tiovivo");

/// Dropping it kills the process.
pub struct Server {
    pub process: Child,
    /// Each address of `listen`, with its real port.
    pub dns: Vec<SocketAddr>,
    pub dashboard: SocketAddr,
    log: Lines,
}

/// What a process prints, line by line, while it runs.
pub struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Lines {
    pub fn of(stream: impl std::io::Read + Send + 'static) -> Lines {
        let lines = Arc::new(Mutex::new(vec![]));
        let gathered = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                gathered.lock().unwrap().push(line);
            }
        });
        Lines { lines }
    }

    pub fn all(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub fn count(&self, part: &str) -> usize {
        self.lines.lock().unwrap().iter().filter(|line| line.contains(part)).count()
    }
}

pub fn serve(site: &Site) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("serve").arg("--config").arg(site.path()).stdin(Stdio::null());
    command
}

impl Server {
    pub fn start(site: &Site) -> Server {
        Server::run(&mut serve(site))
    }

    /// Returns when it says where it answers.
    pub fn run(command: &mut Command) -> Server {
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = Lines::of(process.stderr.take().unwrap());
        let (dns, dashboard) = until("the server tells its addresses", || {
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {:#?}", log.all());
            addresses(&log.all())
        });
        Server { process, dns, dashboard, log }
    }

    /// One whose log nobody reads, at addresses that are known.
    pub fn run_unread(
        command: &mut Command,
        log: Stdio,
        dns: SocketAddr,
        at: SocketAddr,
    ) -> Server {
        let process = command.stderr(log).spawn().unwrap();
        let log = Lines::of(std::io::empty());
        let mut server = Server { process, dns: vec![dns], dashboard: at, log };
        until("the dashboard answers", || {
            let ended = server.process.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}");
            client::get(at, "/livez").ok()
        });
        server
    }

    pub fn at(&self) -> SocketAddr {
        self.dns[0]
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid() as i32), signal).unwrap();
    }

    /// Lines of the log that have `part` in them.
    pub fn logged(&self, part: &str) -> usize {
        self.log.count(part)
    }

    pub fn status(&self) -> Value {
        serde_json::from_str(&client::get(self.dashboard, "/api/v1/status").unwrap()).unwrap()
    }

    /// The first status of which `found` finds something.
    #[track_caller]
    pub fn until<T>(&self, what: &str, found: impl Fn(&Value) -> Option<T>) -> T {
        until(what, || found(&self.status()))
    }

    #[track_caller]
    pub fn until_ready(&self) {
        self.until("the first round is over", |status| status["ready"].as_bool().filter(|r| *r));
    }

    #[track_caller]
    pub fn until_answering(&self, names: &[&str]) {
        let what = format!("the answers are {names:?}");
        self.until(&what, |status| {
            let answering = status["pools"][0]["answering"].as_array()?;
            let answering: Vec<&str> = answering.iter().filter_map(Value::as_str).collect();
            (answering == names).then_some(())
        });
    }

    /// Loads again and waits until it says so.
    #[track_caller]
    pub fn reload(&self) {
        let before = self.logged("is loaded:");
        self.signal(Signal::SIGHUP);
        until("the configuration is loaded", || (self.logged("is loaded:") > before).then_some(()));
    }

    #[track_caller]
    pub fn end(&mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        until("the process ends", || self.process.try_wait().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("log of the server: {:#?}", self.log.all());
        }
    }
}

/// `answering on ADDR, UDP and TCP` for each, then `dashboard on http://ADDR/`.
fn addresses(log: &[String]) -> Option<(Vec<SocketAddr>, SocketAddr)> {
    let after = |mark: &str, end: char| -> Vec<SocketAddr> {
        let parts = log.iter().filter_map(|line| line.split_once(mark));
        parts.filter_map(|(_, rest)| rest.split(end).next()?.parse().ok()).collect()
    };
    let dashboard = after("dashboard on http://", '/').first().copied()?;
    Some((after("answering on ", ','), dashboard))
}
