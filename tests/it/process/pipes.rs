//! A reader that leaves early is no fault: every command ends quietly, with the code that it has.

use std::io::pipe;
use std::process::{Command, Stdio};

use crate::process::server::BINARY;
use crate::process::site::{Plan, QUICK, Site};

/// Exit code and standard error of a command whose standard output nobody reads.
fn unread(args: &[&str], site: &Site) -> (Option<i32>, String) {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = Command::new(BINARY);
    command.args(args).current_dir(site.folder.path()).stdin(Stdio::null()).stdout(writer);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn every_command_ends_quietly_when_nobody_reads_it() {
    let site = Site::new(2, QUICK);
    for args in [
        &["check"][..],
        &["query", "midominio.com"],
        &["delegation", "midominio.com"],
        &["schema"],
        &["man"],
        &["completions", "bash"],
        &["--help"],
        &["--version"],
    ] {
        assert_eq!(unread(args, &site), (Some(0), String::new()), "{args:?}");
    }
    // A verdict is a verdict, whoever reads it.
    let (code, said) = unread(&["check", "--delegation"], &site);
    assert_eq!((code, said.as_str()), (Some(1), ""));
}

#[test]
fn faults_that_nobody_reads_still_have_their_exit_code() {
    let site = Site::new(2, QUICK);
    site.write_config(&site.config(&Plan::new(0..2)).replace("ttl: 30", "ttl: never"));
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = Command::new(BINARY);
    command.arg("check").current_dir(site.folder.path()).stderr(writer);
    assert_eq!(command.output().unwrap().status.code(), Some(2));
}

#[test]
fn a_full_disk_is_told() {
    let site = Site::new(2, QUICK);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(BINARY);
    command.arg("check").current_dir(site.folder.path()).stdout(full);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.starts_with("tiovivo: standard output: No space left"), "{said}");
}

#[test]
fn a_query_to_a_server_takes_no_client() {
    let site = Site::new(1, QUICK);
    let mut command = Command::new(BINARY);
    command.args(["query", "midominio.com", "--at", "127.0.0.1:53", "--from", "192.0.2.1"]);
    let output = command.current_dir(site.folder.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--from") && said.contains("--at"), "{said}");
}
