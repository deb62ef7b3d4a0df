//! A program that gets the event on its standard input. No shell; its whole process group is
//! killed when it takes too long or the server stops.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::health::probe::start::start;
use crate::hooks::attempt::DeliveryError;

/// Exit code of a program that will never take this event: EX_DATAERR of sysexits(3).
const REFUSED: i32 = 65;

pub async fn run(words: &[String], body: &str) -> Result<(), DeliveryError> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let (group, mut child) = start(program, command)
        .await
        .map_err(|error| DeliveryError::now(format!("{program} cannot be started: {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        // A program that does not read its input is not at fault: its exit code counts.
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
            Err(DeliveryError::for_good(format!("{program} refuses it with exit code {REFUSED}")))
        }
        Ok(status) => Err(DeliveryError::now(format!("{program} ended with {status}"))),
        Err(error) => Err(DeliveryError::now(format!("{program} cannot be waited for: {error}"))),
    }
}
