//! Starts and stops all parts of a server: the composition root of `serve` and `demo`.
//!
//! The start: render → bind → answer static data → first probe round → publish → ready. The stop:
//! stop reading → finish streams within a limit → write the state.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use tokio::net::TcpListener;
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::reload::{self, Followers};
use crate::cli::runtimes::Beside;
use crate::cli::supervisor::Life;
use crate::cli::{descriptors, memory};
use crate::clock;
use crate::config::token::BearerToken;
use crate::config::{Config, Encrypted};
use crate::control::served_config::ServedConfig;
use crate::control::status::Status;
use crate::control::writer::{Control, ControlHandle};
use crate::counters::Counters;
use crate::dns::connections::{Connections, StreamLimits};
use crate::dns::cookie_clock::CookieClock;
use crate::dns::encrypted::{self, Listeners};
use crate::dns::responder::Responder;
use crate::dns::sockets::{self, BindFault, ListenSockets};
use crate::dns::stream;
use crate::dns::udp;
use crate::hooks;
use crate::http;
use crate::http::auth::WriteTokens;
use crate::http::dashboard::Dashboard;
use crate::state_dir::disk;
use crate::state_dir::lock::{self, Lock, LockFault};

/// Longest time for streams and the dashboard to finish.
const STOP_LIMIT: Duration = Duration::from_secs(4);

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    #[error(transparent)]
    Bind(#[from] BindFault),
    #[error("dashboard {address}: {}", sockets::hint(.source, .address, "server.dashboard"))]
    Dashboard { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Lock(#[from] LockFault),
    #[error("the zones are too large: {0}")]
    TooLarge(#[from] crate::zone::store::TooLarge),
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// A running server.
#[derive(Debug)]
pub struct Running {
    /// The addresses of DNS, with the ports that the system chose.
    pub dns: Vec<SocketAddr>,
    pub dashboard: Option<SocketAddr>,
    pub status: watch::Receiver<Arc<Status>>,
    encrypted: Option<encrypted::EncryptedHandle>,
    workers: Vec<udp::Worker>,
    stop_workers: Arc<AtomicBool>,
    stop: CancellationToken,
    tasks: TaskTracker,
    control: ControlHandle,
    hooks: hooks::HooksHandle,
    /// The lock of the state folder, held until the process ends; `None` when it cannot be locked.
    _lock: Option<Lock>,
}

/// Starts all parts that `config` asks for: the parts that decide in the calling runtime, the
/// others in `beside`. `path` is the file of `config`; it is loaded again when it changes, and on
/// `hangup`.
pub async fn start(
    path: &Path,
    config: Config,
    hangup: Signal,
    beside: &Beside,
) -> Result<Running, StartFault> {
    let loaded = ServedConfig::build(&config, path, clock::now())?;
    let lock = lock(&config.server.state)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = config.server.workers.unwrap_or(cores);
    let pinned = if config.server.pin { usable_cores() } else { vec![] };
    let bound: Vec<ListenSockets> = config
        .server
        .listen
        .iter()
        .map(|address| sockets::bind(*address, workers))
        .collect::<Result<_, _>>()?;
    let dashboard = match config.server.dashboard {
        Some(address) => Some(listen(address, beside).await?),
        None => None,
    };
    if let Err(unlocked) = &lock {
        tracing::warn!("{unlocked}; another server may use it, too");
    }
    let write_tokens = WriteTokens::new(config.server.token.as_ref().map(BearerToken::as_str));
    write_tokens.set_report_token(config.server.report_token.as_ref().map(BearerToken::as_str));
    let listeners = {
        let Encrypted { tls, https, path, quic } = &config.server.encrypted;
        Listeners::bind(tls, https, path, quic)?
    };
    let (mut control, reader) = Control::new(Box::new(loaded), config.server.state.clone());
    let stop = CancellationToken::new();
    let stop_workers = Arc::new(AtomicBool::new(false));
    let responder = Responder {
        reader,
        counters: Arc::new(Counters::new(workers * bound.len())),
        turn: Arc::new(AtomicU64::new(fastrand::u64(..))),
        stop: Arc::clone(&stop_workers),
        clock: CookieClock::default(),
    };
    let dns = bound.iter().map(|bound| bound.address).collect();
    let tasks = TaskTracker::new();
    tasks.spawn(stop.clone().run_until_cancelled_owned(responder.clock.clone().run()));
    let giving_back = memory::give_back_after_rushes(Arc::clone(&responder.counters));
    tasks.spawn(stop.clone().run_until_cancelled_owned(giving_back));
    let shares = descriptors::shares();
    control.bound_probes(shares.probes);
    let connections =
        Connections::new(StreamLimits { connections: shares.streams, ..StreamLimits::default() });
    let (threads, encrypted) = {
        // Sockets and tasks from here on belong to the runtimes that strangers can keep busy.
        let _among_strangers = beside.stream.enter();
        let threads = answer(bound, &pinned, &responder, &connections, &tasks, &stop)?;
        let _encrypted = beside.encrypt.enter();
        let certificate = config.certificate.as_ref().map(|one| Arc::clone(&one.certified));
        let encrypted = certificate
            .map(|one| encrypted::start(listeners, one, &responder, &connections, &stop))
            .transpose()?;
        (threads, encrypted)
    };
    let nsid = config.server.nsid.as_deref();
    let (changes, troubles) = (control.changes(), control.troubles());
    let hooks = hooks::start(&config.hooks, changes, &config.server.state, nsid, troubles);
    let control = control.start();
    let dashboard_address = dashboard.as_ref().map(|(address, _)| *address);
    if let Some((_, listener)) = dashboard {
        let dashboard = Dashboard {
            status: control.status.clone(),
            counters: Arc::clone(&responder.counters),
            hooks: hooks.clone(),
            limits: http::server::HttpLimits { connections: shares.page, ..Default::default() },
            commands: control.commands.clone(),
            reports: control.reports.clone(),
            tokens: write_tokens.clone(),
            liveness: control.liveness.clone(),
            troubles: control.troubles.clone(),
        };
        let serve = http::serve(listener, dashboard, stop.clone().cancelled_owned());
        tasks.spawn_on(serve, &beside.operate);
    }
    let Config { server, files, zones, .. } = config;
    // The zones are rendered by now; with many names they are most of the memory.
    tasks.spawn_blocking(move || {
        drop(zones);
        memory::give_back();
    });
    let followers = Followers {
        commands: control.commands.clone(),
        encrypted: encrypted.clone(),
        hooks: hooks.clone(),
        write_tokens,
        troubles: control.troubles.clone(),
    };
    let reloading = reload::watch(path.to_owned(), server, files, followers, hangup);
    let stopped = stop.clone();
    tasks.spawn(async move { stopped.run_until_cancelled(reloading).await });
    Ok(Running {
        dns,
        dashboard: dashboard_address,
        status: control.status.clone(),
        encrypted,
        workers: threads,
        stop_workers,
        stop,
        tasks,
        control,
        hooks,
        _lock: lock.ok(),
    })
}

/// Locks the state folder. The inner error says why it cannot be locked; the server then runs
/// without the lock, as health and answers do not depend on the folder.
fn lock(folder: &Path) -> Result<Result<Lock, String>, LockFault> {
    let its = folder.to_owned();
    match disk::run_at_start(move || lock::lock(&its)) {
        Some(Ok(lock)) => Ok(Ok(lock)),
        Some(Err(fault @ LockFault::InUse { .. })) => Err(fault),
        Some(Err(fault)) => Ok(Err(fault.to_string())),
        None => Ok(Err(format!("{} does not answer", folder.display()))),
    }
}

/// The cores that this process may use; empty when the system does not say.
fn usable_cores() -> Vec<usize> {
    let allowed = sched_getaffinity(Pid::from_raw(0));
    let is_allowed = |core: &usize| allowed.is_ok_and(|set| set.is_set(*core).unwrap_or(false));
    (0..CpuSet::count()).filter(is_allowed).collect()
}

/// Binds the dashboard in its own runtime, whose threads then wait for the socket.
async fn listen(
    address: SocketAddr,
    beside: &Beside,
) -> Result<(SocketAddr, TcpListener), StartFault> {
    let fault = |source| StartFault::Dashboard { address, source };
    let binding = beside.operate.spawn(TcpListener::bind(address));
    let listener = binding.await.unwrap_or_else(|error| Err(error.into())).map_err(fault)?;
    Ok((listener.local_addr().map_err(fault)?, listener))
}

/// Starts the UDP threads, spread over `cores`, and the TCP tasks of every address.
fn answer(
    bound: Vec<ListenSockets>,
    cores: &[usize],
    responder: &Responder,
    connections: &Connections,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Vec<udp::Worker>, StartFault> {
    let mut threads = vec![];
    for ListenSockets { address, udp, tcp } in bound {
        for (socket, number) in udp.into_iter().zip(0..) {
            let worker = threads.len();
            let core = cores.get(number % cores.len().max(1)).copied();
            threads.push(udp::start(socket, address, worker, core, responder.clone())?);
        }
        let listener = TcpListener::from_std(tcp)?;
        let serve = stream::serve(listener, responder.clone(), connections.clone(), stop.clone());
        tasks.spawn(serve);
    }
    Ok(threads)
}

/// Returns when the first round of probes is over.
pub async fn until_ready(status: &mut watch::Receiver<Arc<Status>>) {
    // An error means that the writer has ended, which `life` reports.
    let _ = status.wait_for(|status| status.ready).await;
}

impl Running {
    /// A function that returns, on any thread, whether queries are answered and verdicts made.
    pub fn life(&self) -> impl Fn() -> Life + Send + 'static {
        let workers: Vec<_> = self.workers.iter().map(udp::Worker::runs).collect();
        let (status, liveness) = (self.status.clone(), self.control.liveness.clone());
        move || {
            if workers.iter().any(|runs| !runs.load(Ordering::Acquire)) {
                return Life::Ended("a thread that answers queries has ended");
            }
            if status.has_changed().is_err() {
                return Life::Ended("the control loop has ended");
            }
            match liveness.check() {
                Ok(()) => Life::Well,
                Err(standstill) => Life::StandsStill(standstill.to_string()),
            }
        }
    }

    /// Stops all parts, within 4.3 s: streams and the writer at the same time, then the hooks.
    pub async fn stop(self) {
        self.stop_workers.store(true, Ordering::Relaxed);
        self.workers.iter().for_each(udp::Worker::stop);
        self.stop.cancel();
        self.tasks.close();
        let streams = async {
            self.tasks.wait().await;
            if let Some(encrypted) = &self.encrypted {
                encrypted.ended().await;
            }
        };
        let streams = async {
            if timeout(STOP_LIMIT, streams).await.is_err() {
                tracing::warn!("connections were still open after {STOP_LIMIT:?}");
            }
        };
        let decisions = async {
            self.control.stop().await;
            self.hooks.stop().await;
        };
        tokio::join!(streams, decisions);
        self.workers.into_iter().for_each(udp::Worker::join);
    }
}
