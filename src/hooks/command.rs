//! Delivers an event to a program, on the program's standard input. There is no shell. The whole
//! process group is killed when the program takes too long or the server stops.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::health::probe::start::start;
use crate::hooks::delivery_error::DeliveryError;

/// Exit code of a program that refuses the event: EX_DATAERR of sysexits(3).
const REFUSED: i32 = 65;

/// Runs the program `words`, with `body` on its standard input, and waits for its exit code.
pub async fn run(words: &[String], body: &str) -> Result<(), DeliveryError> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let (group, mut child) = start(program, command)
        .await
        .map_err(|error| DeliveryError::retry(format!("{program} cannot be started: {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        // A program need not read its input: only its exit code counts.
        let _ = input.write_all(body.as_bytes()).await;
        let _ = input.write_all(b"\n").await;
    }
    let status = child.wait().await;
    if let Some(group) = group {
        group.spare();
    }
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) if status.code() == Some(REFUSED) => {
            Err(DeliveryError::refusal(format!("{program} refuses it with exit code {REFUSED}")))
        }
        Ok(status) => Err(DeliveryError::retry(format!("{program} ended with {status}"))),
        Err(error) => Err(DeliveryError::retry(format!("{program} cannot be waited for: {error}"))),
    }
}
