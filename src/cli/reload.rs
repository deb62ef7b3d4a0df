//! Loading again: on SIGHUP, and when one of the files changed.
//!
//! Files are looked at once a second instead of being watched by inotify: config.yaml may lie on
//! NFS, where a change made elsewhere raises no event, or be swapped in as a whole folder. A change
//! counts once it has stood still for a look, so a file that is still being written is not read.
//!
//! NFS may also not answer at all. Nobody but this task waits for it, one thread at most hangs, and
//! what hangs is shown ([`Troubles`]); the answers go on with what was loaded.

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
use crate::config::token::{self, Token};
use crate::config::{self, Config, Server};
use crate::control::event::Command;
use crate::control::served_config::ServedConfig;
use crate::control::troubles::{TroubleSubject, Troubles};
use crate::dns::encrypted;
use crate::hooks;
use crate::http::auth::WriteTokens;

const LOOK: Duration = Duration::from_secs(1);
/// While the newest is refused: what was missing may have come, where nobody looks for it yet.
const RETRY: Duration = Duration::from_secs(5);

/// For the files to be looked at before it is shown that they do not answer.
const LOOKING: Duration = Duration::from_secs(5);
const HANGS: &str = "the files of the configuration have not answered for 5 s: changes of them are \
                     not seen, and what was loaded serves on";
/// The same for loading, which has a lot to do with many names.
const LOADING: Duration = Duration::from_secs(30);
const SLOW: &str = "loading the configuration again has taken 30 s and is not over; what was \
                    loaded before serves on";

/// Who takes over what was loaded.
#[derive(Debug)]
pub struct Followers {
    pub commands: mpsc::Sender<Command>,
    pub encrypted: Option<encrypted::EncryptedHandle>,
    pub hooks: hooks::HooksHandle,
    pub write_tokens: WriteTokens,
    pub troubles: Troubles,
}

/// Runs until the writer is gone.
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
    let loaded = marks(&files, &troubles).await;
    let (look, seen, retry) = (interval(LOOK), loaded.clone(), None);
    let mut watch = Watch { hangup, look, files, seen, loaded, retry, troubles: troubles.clone() };
    watch.look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refused: Option<Vec<String>> = None;
    loop {
        let is_retry = watch.changed().await == Cause::Retry;
        // Before reading: what changes while it is read will be read again.
        let before = marks(&watch.files, &troubles).await;
        let loading = load(path.clone(), server.clone(), access.files.clone());
        let reload = match answered(loading, LOADING, SLOW, &troubles).await {
            Ok(Fresh { loaded, files, certificate, hooks: fresh, tokens, token_files }) => {
                hooks.reload(&fresh);
                access.admit(tokens, token_files);
                if let (Some(encrypted), Some(certificate)) = (&encrypted, certificate) {
                    encrypted.present(certificate.certified);
                }
                watch.follow(before, Some(files));
                Ok(loaded)
            }
            Err(Refused { faults, exposed }) => {
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

/// What `work` brings, however long that takes; after `patience` it is shown that it is late.
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

/// For orders, and for reports.
type TokenFiles = [Option<PathBuf>; 2];

fn token_files(server: &Server) -> TokenFiles {
    [server.token_file.clone(), server.report_token_file.clone()]
}

/// Who may write.
struct Access {
    write_tokens: WriteTokens,
    troubles: Troubles,
    files: TokenFiles,
}

impl Access {
    /// Whoever has the token of now gives orders, and nobody else.
    fn admit(&mut self, [token, reports]: [Option<Token>; 2], files: TokenFiles) {
        self.files = files;
        if self.write_tokens.set_report_token(reports.as_ref().map(Token::as_str)) {
            tracing::info!("reports need the token that its file has now, or the one for orders");
        }
        match (self.write_tokens.set_order_token(token.as_ref().map(Token::as_str)), token) {
            (false, _) => {}
            (true, Some(_)) => tracing::info!("orders need the token that the token file has now"),
            (true, None) => tracing::warn!("there is no token any more: nobody may give orders"),
        }
        self.troubles.end(TroubleSubject::TokenFile);
        self.troubles.end(TroubleSubject::ReportTokenFile);
    }

    /// A token that others may know counts no more until the whole configuration is well again.
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

/// What tells one version of a file from the next without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
    /// A file with a secret must be its owner's alone.
    mode: u32,
}

struct Watch {
    hangup: Signal,
    look: Interval,
    files: Vec<PathBuf>,
    /// At the last look.
    seen: Vec<Option<Mark>>,
    /// When they were loaded.
    loaded: Vec<Option<Mark>>,
    /// While the newest is refused.
    retry: Option<Instant>,
    troubles: Troubles,
}

/// Why it is time to load again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Signal,
    Change,
    Retry,
}

impl Watch {
    async fn changed(&mut self) -> Cause {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => return Cause::Signal,
                _ = self.look.tick() => {
                    let now = marks(&self.files, &self.troubles).await;
                    let is_still = now == self.seen;
                    self.seen = now;
                    if is_still && self.seen != self.loaded {
                        return Cause::Change;
                    }
                    if is_still && self.retry.is_some_and(|at| at <= Instant::now()) {
                        return Cause::Retry;
                    }
                }
            }
        }
    }

    /// Takes over the files of what was loaded, or waits for those of what was refused. `before`
    /// are the marks of the files so far, from before the load.
    fn follow(&mut self, before: Vec<Option<Mark>>, files: Option<Vec<PathBuf>>) {
        self.retry = files.is_none().then(|| Instant::now() + RETRY);
        self.loaded = match files {
            None => before,
            Some(files) => {
                let old = self.files.iter().zip(before);
                let old: HashMap<&PathBuf, Option<Mark>> = old.collect();
                // One that was read for the first time may have been half written: once it stands
                // still it is loaded again.
                let known = |file: &PathBuf| old.get(file).cloned().flatten();
                let loaded = files.iter().map(known).collect();
                self.files = files;
                loaded
            }
        };
        self.seen.clone_from(&self.loaded);
    }
}

async fn marks(files: &[PathBuf], troubles: &Troubles) -> Vec<Option<Mark>> {
    let (files, none) = (files.to_owned(), vec![None; files.len()]);
    let look = spawn_blocking(move || files.iter().map(|file| mark(file)).collect());
    answered(look, LOOKING, HANGS, troubles).await.unwrap_or(none)
}

fn mark(file: &Path) -> Option<Mark> {
    use std::os::unix::fs::MetadataExt;
    let data = std::fs::metadata(file).ok()?;
    let modified = data.modified().ok();
    Some(Mark { modified, len: data.len(), inode: data.ino(), mode: data.mode() })
}

/// What a load brings.
struct Fresh {
    loaded: Box<ServedConfig>,
    /// To be looked at from now on.
    files: Vec<PathBuf>,
    certificate: Option<Certificate>,
    hooks: Vec<Hook>,
    /// For orders, and for reports.
    tokens: [Option<Token>; 2],
    token_files: TokenFiles,
}

struct Refused {
    faults: Vec<String>,
    /// Why others may know the token for orders, and that for reports.
    exposed: [Option<String>; 2],
}

impl Refused {
    fn for_reason(why: &str) -> Refused {
        Refused { faults: vec![why.into()], exposed: [None, None] }
    }
}

/// On a thread of its own, which gives way to every other.
async fn load(path: PathBuf, server: Server, tokens: TokenFiles) -> Result<Fresh, Refused> {
    let (done, loaded) = oneshot::channel();
    let loading = move || {
        priority::lower(priority::LOAD);
        // Nobody waits any more: the server stops.
        let loaded = fresh(&path, &server);
        let refused = |faults| Refused { faults, exposed: tokens.map(exposed) };
        let _ = done.send(loaded.map_err(refused));
    };
    let thread = std::thread::Builder::new().name("load".into()).spawn(loading);
    match thread {
        Err(error) => Err(Refused::for_reason(&format!("no thread to load with: {error}"))),
        Ok(_) => loaded.await.unwrap_or_else(|_| Err(Refused::for_reason("loading broke off"))),
    }
}

fn exposed(file: Option<PathBuf>) -> Option<String> {
    let file = file?;
    let problem = token::read(&file).err()?;
    Some(format!("{} {problem}", file.display()))
}

fn fresh(path: &Path, server: &Server) -> Result<Fresh, Vec<String>> {
    let config::Loaded { config, warnings } = config::load(path)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    tell_of_restart(server, &config.server);
    let loaded = ServedConfig::build(&config, path, clock::now())
        .map_err(|error| vec![format!("{}: {error}", path.display())])?;
    let Config { server, files, certificate, hooks, zones, .. } = config;
    drop(zones);
    memory::give_back();
    let token_files = token_files(&server);
    let tokens = [server.token, server.report_token];
    Ok(Fresh { loaded: Box::new(loaded), files, certificate, hooks, tokens, token_files })
}

/// Sockets and threads stay as they are over a reload.
fn tell_of_restart(old: &Server, new: &Server) {
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
