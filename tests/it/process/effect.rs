//! What an order says of itself: until when resolvers may send clients, and when it has no effect.
//! And how somebody who is new here comes by a token.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::process::server::{BINARY, Server};
use crate::process::site::{Plan, QUICK, Site};

fn run(args: &[&str], folder: &Path) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        Command::new(BINARY).args(args).current_dir(folder).output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// The site names a token file, which is not there yet.
fn site(children: usize) -> Site {
    let site = Site::new(children, QUICK);
    let config = site.config(&Plan::new(0..children));
    site.write_config(&config.replace("state: state,", "state: state, token_file: token,"));
    site
}

#[test]
fn an_order_tells_until_when_resolvers_send_clients_and_when_it_has_no_effect() {
    let site = site(2);
    let folder = site.folder.path();
    let (code, said) = run(&["drain", "server-2"], folder);
    let told = "tiovivo: the file token named by server.token_file does not exist; make it: tiovivo \
                token new token\n";
    assert_eq!((code, said.as_str()), (Some(1), told));
    assert_eq!(run(&["token", "new"], folder).0, Some(0));
    let server = Server::start(&site);
    server.until_answering(&["server-2", "server-3"]);
    let at = server.dashboard.to_string();
    let order = |args: &[&str]| run(&[args, &["--at", &at]].concat(), folder);

    let (code, said) = order(&["drain", "server-3"]);
    let last = said.lines().last().unwrap();
    let told = "server-3 is out of the answers of web; resolvers may send clients until 20";
    assert!(code == Some(0) && last.starts_with(told) && last.ends_with('Z'), "{said}");

    let (code, said) = order(&["drain", "server-2"]);
    assert_eq!(code, Some(3), "{said}");
    let still = "server-2 is still answered in pool web: drain";
    assert!(said.lines().any(|line| line.starts_with(still)), "{said}");
    assert!(said.contains("nobody else is left"), "{said}");

    assert_eq!(order(&["release", "server-3"]).0, Some(0));
    let (code, said) = order(&["force-down", "server-2"]);
    assert!(code == Some(0) && said.ends_with("server-2 is out of the answers of web\n"), "{said}");
    let (code, said) = order(&["overrides"]);
    assert!(code == Some(0) && !said.contains("out of the answers"), "{said}");
}

#[test]
fn a_new_token_is_its_owners_alone_and_never_takes_the_place_of_another_by_itself() {
    let site = site(1);
    let folder = site.folder.path();
    let (code, said) = run(&["token", "new"], folder);
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "token has a new token, which only its owner may read\n")
    );
    let file = folder.join("token");
    let first = fs::read_to_string(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(first.len() == 44 && first.ends_with('\n'), "{first:?}");

    let (code, said) = run(&["token", "new", "token"], folder);
    assert!(code == Some(1) && said.contains("is there already; --force"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), first);
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(run(&["token", "new", "token", "--force"], folder).0, Some(0));
    assert_ne!(fs::read_to_string(&file).unwrap(), first);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let (code, said) = run(&["token", "new", "none/token"], folder);
    assert!(code == Some(1) && said.contains("none/token: "), "{said}");
    site.write_config(&site.config(&Plan::new(0..1)));
    let (code, said) = run(&["token", "new"], folder);
    assert!(code == Some(2) && said.contains("server.token_file names no file"), "{said}");
}

#[test]
fn the_configuration_is_looked_for_here_and_then_in_etc() {
    if Path::new("/etc/tiovivo/config.yaml").exists() {
        println!("this machine has a configuration of its own: nothing to see");
        return;
    }
    let empty = tempfile::tempdir().unwrap();
    for command in [&["check"][..], &["serve"], &["query", "a.example"], &["token", "new"]] {
        let (code, said) = run(command, empty.path());
        let told = "tiovivo: there is neither config.yaml here nor /etc/tiovivo/config.yaml; name \
                    one by --config\n";
        assert_eq!((code, said.as_str()), (Some(2), told), "{command:?}");
    }
}

#[test]
fn there_is_a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = run(&["man", "--to", "."], folder.path());
    assert_eq!((code, said.as_str()), (Some(0), ""));
    for page in ["tiovivo.1", "tiovivo-check.1", "tiovivo-force-up.1", "tiovivo-token-new.1"] {
        let text = fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.contains(".TH"), "{page}: {text}");
    }
}
