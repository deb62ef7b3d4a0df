//! Commands as probes: `sh` stands for the operator's program.

use tiovivo::checks::exec::checked::ExecProbe;
use tiovivo::checks::exec::probe::AT_ONCE;
use tiovivo::checks::exec::probe::SUCCESS;
use tiovivo::checks::tcp::checked::TcpProbe;
use tiovivo::health::probe::ask::Ask;

use super::*;

fn sh(script: &str) -> Probe {
    command(&["/bin/sh", "-c", script])
}

fn command(command: &[&str]) -> Probe {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    Probe::Exec(ExecProbe { command })
}

/// Whether a process runs: one that has ended, and nobody waited for, does not.
fn runs(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains("zombie"))
}

#[tokio::test]
async fn status_0_is_up_and_any_other_tells_the_first_line() {
    assert_eq!(verdict(&sh("echo fine"), LONG).await.unwrap().said, SUCCESS);
    let told = reason(sh("echo disk full; echo more; exit 2"), LONG).await;
    assert_eq!(told, "exit status 2: disk full");
    // Standard error is output, too.
    let told = reason(sh("echo disk full >&2; exit 3"), LONG).await;
    assert_eq!(told, "exit status 3: disk full");
    assert_eq!(reason(sh("exit 1"), LONG).await, "exit status 1, without a word");
    assert_eq!(reason(sh("kill -9 $$"), LONG).await, "killed by a signal, without a word");
}

#[tokio::test]
async fn there_is_no_shell_in_between() {
    // A shell would run `id`, and exit with 1.
    let words = ["/bin/sh", "-c", "echo \"$0\"; exit 1", "$(id); `id`"];
    assert_eq!(reason(command(&words), LONG).await, "exit status 1: $(id); `id`");
    assert!(verdict(&command(&["/bin/echo", ";", "exit", "1"]), LONG).await.is_ok());
}

#[tokio::test]
async fn the_command_knows_whom_it_probes_and_nothing_else() {
    // PWD and the like are the shell's own.
    let script = "echo $TIOVIVO_NODE $TIOVIVO_POOL $TIOVIVO_ADDRESS ${CARGO_MANIFEST_DIR:-nothing} \
                  $PWD; exit 1";
    let told = reason(sh(script), LONG).await;
    assert_eq!(told, "exit status 1: server-2 web 127.0.0.1 nothing /");
}

#[tokio::test]
async fn what_cannot_be_started_says_nothing_of_the_member() {
    for (program, expected) in [
        ("/no/such/program", "the command cannot be started: there is no such file"),
        ("/etc/passwd", "the command cannot be started: it may not be executed"),
    ] {
        let failure = verdict(&command(&[program]), LONG).await.unwrap_err();
        assert_eq!(failure.to_string(), expected);
        assert!(failure.is_ours());
    }
}

#[tokio::test]
async fn at_the_timeout_the_whole_group_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pids");
    let script = format!(
        "trap '' TERM INT; sleep 1000 & echo $! >{0}.new; echo $$ >>{0}.new; mv {0}.new {0}; \
         sleep 1000",
        file.display()
    );
    let probe = sh(&script);
    // Long enough for the script to have written the file, on a machine with much to do.
    let told = reason(probe, Duration::from_secs(2)).await;
    assert_eq!(told, "no answer within 2 s");
    let processes = std::fs::read_to_string(file).unwrap();
    assert_eq!(processes.lines().count(), 2);
    for process in processes.lines() {
        gone(process).await;
    }
}

#[tokio::test]
async fn what_a_command_leaves_behind_ends_with_it() {
    let told = reason(sh("sleep 1000 & echo $!; exit 1"), LONG).await;
    gone(told.strip_prefix("exit status 1: ").unwrap()).await;
}

async fn gone(process: &str) {
    for _ in 0..500 {
        if !runs(process) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{process} still runs");
}

#[tokio::test]
async fn output_without_an_end_is_not_read_for_ever() {
    let told = reason(sh("while :; do echo yes; done"), LONG).await;
    assert_eq!(told, "the output of the command does not end");
    let told = reason(sh("exec sleep 1000"), SHORT).await;
    assert_eq!(told, "no answer within 200 ms");
}

#[tokio::test]
async fn only_so_many_commands_have_their_turn_at_once() {
    let prober = prober(&sh("exit 0"));
    let mut turns = vec![];
    for _ in 0..AT_ONCE {
        turns.push(prober.turn().await.expect("a turn"));
    }
    let next = tokio::time::timeout(Duration::from_millis(50), prober.turn());
    assert!(next.await.is_err(), "one more has a turn");
    turns.pop();
    assert!(prober.turn().await.is_some());
    // Other kinds do not wait for it.
    assert!(super::prober(&Probe::Tcp(TcpProbe { port: 1 })).turn().await.is_none());
}
