//! Reloads the configuration on SIGHUP, and when one of its files changes.
//!
//! Files are polled once a second. inotify would not see a change on NFS that another machine
//! makes, nor a folder that is replaced as a whole. A change counts when two polls in a row see the
//! same new state, so a file that is still being written is not read.
//!
//! NFS may not answer at all. Only this task waits for it, at most one thread hangs, and the
//! trouble is shown ([`Troubles`]); answers continue with the loaded configuration.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use crate::cli::{memory, priority};
use crate::clock;
use crate::cluster::hook::Hook;
use crate::config::certificate::Certificate;
use crate::config::token::{self, BearerToken};
use crate::config::{self, Config, Server};
use crate::control::event::Command;
use crate::control::served_config::ServedConfig;
use crate::control::troubles::{TroubleSubject, Troubles};
use crate::dns::encrypted;
use crate::hooks;
use crate::http::auth::WriteTokens;

/// Time from one poll to the next.
const LOOK: Duration = Duration::from_secs(1);
/// Time after which a refused configuration is tried again: a missing file, which is not polled,
/// may exist by then.
const RETRY: Duration = Duration::from_secs(5);

/// How long a poll may take before it is reported that the files do not answer.
const LOOKING: Duration = Duration::from_secs(5);
const HANGS: &str = "the files of the configuration have not answered for 5 s: changes of them are \
                     not seen, and what was loaded serves on";
/// How long a load may take before that is reported; with many names it takes long.
const LOADING: Duration = Duration::from_secs(30);
const SLOW: &str = "loading the configuration again has taken 30 s and is not over; what was \
                    loaded before serves on";

/// The parts of the server that take over a new configuration.
#[derive(Debug)]
pub struct Followers {
    pub commands: mpsc::Sender<Command>,
    pub encrypted: Option<encrypted::EncryptedHandle>,
    pub hooks: hooks::HooksHandle,
    pub write_tokens: WriteTokens,
    pub troubles: Troubles,
}

/// Loads the configuration again whenever there is a reason, until the writer ends.
pub async fn watch(
    path: PathBuf,
    server: Server,
    files: Vec<PathBuf>,
    followers: Followers,
    hangup: Signal,
) -> std::io::Result<()> {
    let Followers { commands, encrypted, hooks, write_tokens, troubles } = followers;
    let mut access =
        Access { write_tokens, troubles: troubles.clone(), files: token_files(&server) };
    let loaded = versions(&files, &troubles).await;
    let (look, seen, retry) = (interval(LOOK), loaded.clone(), None);
    let mut watch =
        FilePoll { hangup, look, files, seen, loaded, retry, troubles: troubles.clone() };
    watch.look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refused: Option<Vec<String>> = None;
    loop {
        let is_retry = watch.changed().await == ReloadReason::Retry;
        // Taken before the files are read, so a change during the load causes another load.
        let before = versions(&watch.files, &troubles).await;
        let loading = load(path.clone(), server.clone(), access.files.clone());
        let reload = match answered(loading, LOADING, SLOW, &troubles).await {
            Ok(LoadResult { loaded, files, certificate, hooks: fresh, tokens, token_files }) => {
                hooks.reload(&fresh);
                access.admit(tokens, token_files);
                if let (Some(encrypted), Some(certificate)) = (&encrypted, certificate) {
                    encrypted.present(certificate.certified);
                }
                watch.follow(before, Some(files));
                Ok(loaded)
            }
            Err(LoadRefusal { faults, exposed }) => {
                access.expose(exposed);
                watch.follow(before, None);
                Err(faults)
            }
        };
        let news = reload.as_ref().err().cloned();
        let is_old = is_retry && news.is_some() && news == refused;
        refused = news;
        if !is_old && commands.send(Command::Reload(reload)).await.is_err() {
            return Ok(());
        }
    }
}

/// The result of `work`, however long it takes; after `patience` the delay is reported.
async fn answered<T>(
    work: impl Future<Output = T>,
    patience: Duration,
    late: &str,
    troubles: &Troubles,
) -> T {
    let mut work = pin!(work);
    if let Ok(done) = timeout(patience, &mut work).await {
        return done;
    }
    troubles.begin(TroubleSubject::Configuration, late.into());
    let done = work.await;
    troubles.end(TroubleSubject::Configuration);
    done
}

/// The token file for overrides, and the one for reports.
type TokenFiles = [Option<PathBuf>; 2];

fn token_files(server: &Server) -> TokenFiles {
    [server.token_file.clone(), server.report_token_file.clone()]
}

/// The tokens that are accepted for writes.
struct Access {
    write_tokens: WriteTokens,
    troubles: Troubles,
    files: TokenFiles,
}

impl Access {
    /// Accepts the current tokens and no others.
    fn admit(&mut self, [token, reports]: [Option<BearerToken>; 2], files: TokenFiles) {
        self.files = files;
        if self.write_tokens.set_report_token(reports.as_ref().map(BearerToken::as_str)) {
            tracing::info!("reports need the token that its file has now, or the one for orders");
        }
        match (self.write_tokens.set_order_token(token.as_ref().map(BearerToken::as_str)), token) {
            (false, _) => {}
            (true, Some(_)) => tracing::info!("orders need the token that the token file has now"),
            (true, None) => tracing::warn!("there is no token any more: nobody may give orders"),
        }
        self.troubles.end(TroubleSubject::TokenFile);
        self.troubles.end(TroubleSubject::ReportTokenFile);
    }

    /// Refuses a token that others may know, until the whole configuration is valid again.
    fn expose(&self, [orders, reports]: [Option<String>; 2]) {
        if let Some(why) = orders {
            self.write_tokens.expose_orders(Some(&why));
            self.troubles.begin(TroubleSubject::TokenFile, format!("no order is taken: {why}"));
        }
        if let Some(why) = reports {
            self.write_tokens.expose_reports(Some(&why));
            let what = format!("no report is taken with the token for reports: {why}");
            self.troubles.begin(TroubleSubject::ReportTokenFile, what);
        }
    }
}

/// The metadata by which a changed file is recognised without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileVersion {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
    /// A changed mode counts, as a file with a secret must be readable by its owner alone.
    mode: u32,
}

/// Waits for the next reason to load the configuration.
struct FilePoll {
    hangup: Signal,
    look: Interval,
    files: Vec<PathBuf>,
    /// The state at the last poll.
    seen: Vec<Option<FileVersion>>,
    /// The state that was loaded.
    loaded: Vec<Option<FileVersion>>,
    /// When to try again; `None` unless the latest version was refused.
    retry: Option<Instant>,
    troubles: Troubles,
}

/// Why the configuration is loaded again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReloadReason {
    Signal,
    Change,
    Retry,
}

impl FilePoll {
    async fn changed(&mut self) -> ReloadReason {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => return ReloadReason::Signal,
                _ = self.look.tick() => {
                    let now = versions(&self.files, &self.troubles).await;
                    let is_still = now == self.seen;
                    self.seen = now;
                    if is_still && self.seen != self.loaded {
                        return ReloadReason::Change;
                    }
                    if is_still && self.retry.is_some_and(|at| at <= Instant::now()) {
                        return ReloadReason::Retry;
                    }
                }
            }
        }
    }

    /// After a load: polls the new `files`, or the old ones when it was refused (`None`). `before`
    /// is the state of the old files from before the load.
    fn follow(&mut self, before: Vec<Option<FileVersion>>, files: Option<Vec<PathBuf>>) {
        self.retry = files.is_none().then(|| Instant::now() + RETRY);
        self.loaded = match files {
            None => before,
            Some(files) => {
                let old = self.files.iter().zip(before);
                let old: HashMap<&PathBuf, Option<FileVersion>> = old.collect();
                // A file that was read for the first time may have been half written: it is loaded
                // again when two polls see the same state.
                let known = |file: &PathBuf| old.get(file).cloned().flatten();
                let loaded = files.iter().map(known).collect();
                self.files = files;
                loaded
            }
        };
        self.seen.clone_from(&self.loaded);
    }
}

async fn versions(files: &[PathBuf], troubles: &Troubles) -> Vec<Option<FileVersion>> {
    let (files, none) = (files.to_owned(), vec![None; files.len()]);
    let look = spawn_blocking(move || files.iter().map(|file| version(file)).collect());
    answered(look, LOOKING, HANGS, troubles).await.unwrap_or(none)
}

fn version(file: &Path) -> Option<FileVersion> {
    use std::os::unix::fs::MetadataExt;
    let data = std::fs::metadata(file).ok()?;
    let modified = data.modified().ok();
    Some(FileVersion { modified, len: data.len(), inode: data.ino(), mode: data.mode() })
}

/// The result of a load.
struct LoadResult {
    loaded: Box<ServedConfig>,
    /// The files to poll.
    files: Vec<PathBuf>,
    certificate: Option<Certificate>,
    hooks: Vec<Hook>,
    /// The token for overrides, and the one for reports.
    tokens: [Option<BearerToken>; 2],
    token_files: TokenFiles,
}

/// Why a load was refused.
struct LoadRefusal {
    faults: Vec<String>,
    /// Why others may know the token for overrides, and the token for reports; `None` if they may
    /// not.
    exposed: [Option<String>; 2],
}

impl LoadRefusal {
    fn for_reason(why: &str) -> LoadRefusal {
        LoadRefusal { faults: vec![why.into()], exposed: [None, None] }
    }
}

/// Loads on a thread of its own with the lowest priority.
async fn load(
    path: PathBuf,
    server: Server,
    tokens: TokenFiles,
) -> Result<LoadResult, LoadRefusal> {
    let (done, loaded) = oneshot::channel();
    let loading = move || {
        priority::lower(priority::LOAD);
        // The receiver is gone only when the server stops.
        let loaded = load_now(&path, &server);
        let refused = |faults| LoadRefusal { faults, exposed: tokens.map(exposed) };
        let _ = done.send(loaded.map_err(refused));
    };
    let thread = std::thread::Builder::new().name("load".into()).spawn(loading);
    match thread {
        Err(error) => Err(LoadRefusal::for_reason(&format!("no thread to load with: {error}"))),
        Ok(_) => loaded.await.unwrap_or_else(|_| Err(LoadRefusal::for_reason("loading broke off"))),
    }
}

fn exposed(file: Option<PathBuf>) -> Option<String> {
    let file = file?;
    let problem = token::read(&file).err()?;
    Some(format!("{} {problem}", file.display()))
}

fn load_now(path: &Path, server: &Server) -> Result<LoadResult, Vec<String>> {
    let config::load::LoadedConfig { config, warnings } = config::load::load(path)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    warn_of_restart(server, &config.server);
    let loaded = ServedConfig::build(&config, path, clock::now())
        .map_err(|error| vec![format!("{}: {error}", path.display())])?;
    let Config { server, files, certificate, hooks, zones, .. } = config;
    drop(zones);
    memory::give_back();
    let token_files = token_files(&server);
    let tokens = [server.token, server.report_token];
    Ok(LoadResult { loaded: Box::new(loaded), files, certificate, hooks, tokens, token_files })
}

/// Warns of changes that need a restart: a reload keeps sockets and threads.
fn warn_of_restart(old: &Server, new: &Server) {
    let changed = [
        ("listen", old.listen != new.listen),
        ("dashboard", old.dashboard != new.dashboard),
        ("state", old.state != new.state),
        ("workers", old.workers != new.workers),
        ("pin", old.pin != new.pin),
        ("tls, server.https or server.quic", old.encrypted != new.encrypted),
    ];
    for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
        tracing::warn!("server.{key} changed: it takes effect at the next start");
    }
}
