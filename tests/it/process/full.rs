//! A state folder on a disk without room: a small file system of its own, which nobody but the
//! server has, and the test by way of the server's process.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::process::orders::{TOKEN, post, write_config};
use crate::process::server::{BINARY, Server};
use crate::process::site::{QUICK, Site};
use crate::process::unread::{decides, ends, plan, start};
use crate::process::within;

const MOUNT: &str = "mount -t tmpfs -o size=128k,mode=700 none \"$0\" && exec \"$@\"";
/// For an order to be refused.
const REFUSED: Duration = Duration::from_secs(2);
const WRITTEN: Duration = Duration::from_secs(10);

/// How a program gets mounts of its own here: as root, or in a user name space.
fn apart() -> Option<Command> {
    let with = |options: &str| {
        let mut command = Command::new("unshare");
        command.arg(options);
        command
    };
    let works = |options: &&str| {
        let mut tried = with(options);
        let tried = tried.args(["sh", "-c", "mount -t tmpfs none /mnt"]).stderr(Stdio::null());
        tried.status().is_ok_and(|status| status.success())
    };
    ["-m", "-Urm"].iter().copied().find(works).map(with)
}

/// The state folder as the server sees it.
struct Disk(PathBuf);

impl Disk {
    fn of(server: &Server, site: &Site) -> Disk {
        let root = PathBuf::from(format!("/proc/{}/root", server.pid()));
        Disk(root.join(site.folder.path().join("state").strip_prefix("/").unwrap()))
    }

    fn fill(&self) {
        let file = OpenOptions::new().append(true).create(true).open(self.0.join("ballast"));
        let mut file = file.unwrap();
        loop {
            match file.write(&[b'x'; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn free(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }

    fn content(&self, file: &str) -> Option<Value> {
        serde_json::from_slice(&fs::read(self.0.join(file)).ok()?).ok()
    }
}

fn order(server: &Server, order: &str) -> (u16, String) {
    let body = format!(r#"{{"order": "{order}", "target": "server-2", "author": "ana"}}"#);
    post(server.dashboard, Some(TOKEN), &body).unwrap()
}

fn trouble(status: &Value) -> Option<String> {
    let mut troubles = status["troubles"].as_array()?.iter();
    let found = troubles.find(|trouble| trouble["subject"] == "standings")?;
    Some(found["what"].as_str()?.to_owned())
}

#[test]
fn a_full_disk_delays_no_verdict_and_no_end_and_is_written_when_there_is_room_again() {
    let Some(mut command) = apart() else {
        println!("left out: no mount of its own is allowed here");
        return;
    };
    let site = Site::new(2, QUICK);
    write_config(&site, &plan(&site));
    let state = site.folder.path().join("state");
    fs::create_dir(&state).unwrap();
    command.args(["sh", "-c", MOUNT]).arg(&state).arg(BINARY).stdin(Stdio::null());
    command.args(["serve", "--config"]).arg(site.path());
    let server = start(&site, &mut command, Stdio::null());
    let disk = Disk::of(&server, &site);
    within(WRITTEN, "the standings are there", || disk.content("health.json"));
    disk.fill();
    decides(&server, &site);
    let what = server.until("it is shown", trouble);
    assert!(what.contains("No space left"), "{what}");
    let begun = Instant::now();
    let (code, said) = order(&server, "drain");
    assert_eq!(code, 507, "{said}");
    assert!(said.contains("No space left") && begun.elapsed() < REFUSED, "{said}");
    server.until_answering(&["server-2"]);
    // What failed is tried again by itself.
    disk.free();
    within(WRITTEN, "the standings are there", || {
        let members = disk.content("health.json")?["pools"][0]["members"].clone();
        let dead = members.as_array()?.iter().find(|member| member["node"] == "server-3")?;
        (dead["serving"] == false).then_some(())
    });
    server.until("it is over", |status| trouble(status).is_none().then_some(()));
    let (code, said) = order(&server, "drain");
    assert_eq!(code, 200, "{said}");
    assert_eq!(disk.content("overrides.json").unwrap()["overrides"][0]["target"], "server-2");
    disk.fill();
    ends(server, Signal::SIGTERM);
    assert_eq!(fs::read_dir(&state).unwrap().count(), 0, "the mount was the server's alone");
}
