//! Writes the demo's standard output. When its reader stops reading, lines are lost; neither the
//! demo nor its end waits.

use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cli::output;

/// Most texts that wait for the reader; further ones are dropped.
const MAX_WAITING: usize = 1000;
/// Longest wait at the end until all is written.
const FLUSH: Duration = Duration::from_millis(300);

/// The thread that writes to standard output.
#[derive(Debug)]
pub struct Screen {
    texts: SyncSender<String>,
    /// Whether the thread that writes has ended.
    ended: CancellationToken,
}

impl Screen {
    pub fn new() -> io::Result<Screen> {
        let (texts, waiting) = sync_channel::<String>(MAX_WAITING);
        let ended = CancellationToken::new();
        let end = ended.clone().drop_guard();
        let write = move || {
            let _end = end;
            while let Ok(text) = waiting.recv() {
                if output::write(&text).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("screen".into()).spawn(write)?;
        Ok(Screen { texts, ended })
    }

    /// Queues a text without waiting; a text that does not fit is dropped.
    pub fn show(&self, text: String) {
        match self.texts.try_send(text) {
            // `closed` reports a reader that is gone.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }

    /// Returns when the reader is gone, which is noticed only at the next text.
    pub async fn closed(&self) {
        self.ended.cancelled().await;
    }

    /// Waits a bounded time until all is written.
    pub async fn flush(self) {
        let Screen { texts, ended } = self;
        drop(texts);
        let _ = timeout(FLUSH, ended.cancelled()).await;
    }
}
