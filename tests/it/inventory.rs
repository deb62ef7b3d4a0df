//! `deploy:` of config.yaml and `tiovivo inventory`: every fault is told with its line and what to
//! write, and each format is what its reader expects.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tiovivo::cluster::deployment::{ApplicationSource, Debian, Promotion};
use tiovivo::config;

const EXAMPLE: &str = include_str!("../../examples/cluster/config.yaml");
const ZONE: &str = include_str!("../../examples/cluster/zones/midominio.com.zone");
const PUBLIC_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 deploy@control";

/// The example in a folder of its own, with `config` in the place of its config.yaml, and
/// its folder without symbolic links.
fn site(config: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().canonicalize().unwrap().join("cluster");
    fs::create_dir_all(folder.join("zones")).unwrap();
    fs::create_dir_all(folder.join("secrets")).unwrap();
    fs::write(folder.join("config.yaml"), config).unwrap();
    fs::write(folder.join("zones/midominio.com.zone"), ZONE).unwrap();
    (dir, folder)
}

fn write(file: &Path, text: &str, mode: u32) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

fn faults(folder: &Path) -> Vec<String> {
    let prefix = format!("{}/", folder.display());
    let told = config::load::load(&folder.join("config.yaml"));
    let faults = told.map_or_else(|faults| faults, |loaded| loaded.warnings);
    faults.iter().map(|fault| fault.to_string().replace(&prefix, "")).collect()
}

/// The example with each `from` replaced by its `to`.
fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(EXAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

fn inventory(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiovivo"));
    command.arg("inventory").args(args).arg("--config").arg(folder.join("config.yaml"));
    command.env("HOME", "/home/me").stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn printed(folder: &Path, args: &[&str]) -> String {
    let output = inventory(folder, args);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""));
    String::from_utf8(output.stdout).unwrap()
}

/// The one line that tells why there is no inventory.
#[track_caller]
fn refused(folder: &Path, args: &[&str]) -> String {
    let output = inventory(folder, args);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors.lines().count(), 1, "{errors}");
    errors.trim_end().replace(folder.to_str().unwrap(), "")
}

/// A key of its own, so that nothing depends on who runs the test.
fn with_key() -> (TempDir, PathBuf) {
    let (dir, folder) = site(&changed(&[("~/.ssh/id_ed25519", "secrets/key")]));
    write(&folder.join("secrets/key"), "private", 0o600);
    write(&folder.join("secrets/key.pub"), &format!("{PUBLIC_KEY}\n"), 0o644);
    (dir, folder)
}

#[test]
fn the_example_of_a_cluster_loads_as_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/cluster/config.yaml");
    let loaded = config::load::load(&path).unwrap();
    assert_eq!(loaded.warnings, []);
    let deployment = loaded.config.deployment.unwrap();
    assert_eq!((deployment.debian, deployment.promotion), (Debian::Bookworm, Promotion::Manual));
    assert_eq!((deployment.ssh.user.as_str(), deployment.ssh.port), ("root", 22));
    assert!(deployment.ssh.key.unwrap().ends_with(".ssh/id_ed25519"));
    assert_eq!(deployment.mother_address.to_string(), "10.77.0.10");
    assert_eq!(deployment.database.unwrap().name, "proyecto");
    let application = deployment.application.unwrap();
    let sources = path.parent().unwrap().join("../sitio");
    assert_eq!(application.source, ApplicationSource::Folder(sources));
    assert_eq!(application.celery.as_deref(), Some("proyecto"));
    assert!(application.migrate && application.static_files && application.media);
}

#[test]
fn what_is_left_out_of_deploy_has_the_defaults_of_the_manual() {
    let (text, _) = EXAMPLE.split_once("\ndeploy:").unwrap();
    let (_dir, folder) = site(&format!(
        "{text}\ndeploy:\n  mother_address: 10.77.0.10\n  database: {{ name: a }}\n  \
         application: {{ source: {{ git: git@example.com:a }}, settings: a, wsgi: b, hosts: [.c] }}"
    ));
    let document: Value = serde_json::from_str(&printed(&folder, &["server-2"])).unwrap();
    assert_eq!(document["debian"], "bookworm");
    assert_eq!(document["ssh"], json!({ "user": "root", "port": 22, "key": null }));
    assert_eq!((&document["failover"], &document["fence"]), (&json!("manual"), &Value::Null));
    assert_eq!(document["zones"], json!(["midominio.com"]));
    let expected = json!({
        "source": { "git": "git@example.com:a", "ref": "HEAD" },
        "requirements": "requirements.txt", "python": null, "settings": "a", "wsgi": "b",
        "celery": null, "migrate": true, "static": true, "media": true, "hosts": [".c"],
        "env_file": null, "warm": "/",
    });
    assert_eq!(document["application"], expected);
}

/// Replacements in the example, each with the text before and after.
type Replacements = &'static [(&'static str, &'static str)];

/// Replacements in the example, and the faults that follow.
const FAULTS: &[(Replacements, &[&str])] = &[
    (
        &[("debian: bookworm", "debian: bookwrm")],
        &["28:11: deploy.debian: unknown Debian release `bookwrm`; did you mean `bookworm`? \
         write bookworm or trixie"],
    ),
    (
        &[("user: root", "user: Root")],
        &["29:16: deploy.ssh.user: `Root` is no user name; \
         write small letters, digits, `_` and `-`, at most 32: root"],
    ),
    (
        &[("port: 22,", "port: 65536,")],
        &["29:28: deploy.ssh.port: `65536` is out of range; write a whole number from 1 to 65535"],
    ),
    (
        &[("key: ~/.ssh/id_ed25519", "key: \"\"")],
        &["29:37: deploy.ssh.key: `` is no path of a file; \
         write the path of a file, such as secrets/app.env"],
    ),
    (
        &[("  mother_address: 10.77.0.10", "  # mother_address: 10.77.0.10")],
        &["27:1: deploy: `mother_address` is missing; \
         write a free address of the private network: mother_address: 10.77.0.10"],
    ),
    (
        &[("10.77.0.10 ", "10.77.0.300 ")],
        &["30:19: deploy.mother_address: `10.77.0.300` is no address; \
         write one: 10.0.0.1 or \"fd00::1\""],
    ),
    (
        &[("10.77.0.10 ", "224.0.0.1 ")],
        &["30:19: deploy.mother_address: `224.0.0.1` is no address of a machine; \
         write a free address of the private network: 10.77.0.10"],
    ),
    (
        &[("10.77.0.10 ", "10.77.0.17 ")],
        &["30:19: deploy.mother_address: `10.77.0.17` is the address of `server-1`; \
         write a free one: it moves from node to node, and must be nobody's own"],
    ),
    // The public address of a child, which the pool answers.
    (
        &[("10.77.0.10 ", "192.0.2.18 ")],
        &["30:19: deploy.mother_address: `192.0.2.18` is the address of `server-2`; \
         write a free one: it moves from node to node, and must be nobody's own"],
    ),
    (
        &[("10.77.0.10 ", "\"fd00::10\" ")],
        &["30:19: deploy.mother_address: `fd00::10` and the mother's 10.77.0.17 are of different \
         families; write a free address of the mother's private network"],
    ),
    // A static record of the zone: the mother guard.
    (
        &[("10.77.0.10 ", "192.0.2.25 ")],
        &["zones/midominio.com.zone:9:1: 192.0.2.25 is the address of `server-1`, a mother; \
         remove it: the world never sees such a node"],
    ),
    (
        &[("192.0.2.18, private: 10.77.0.18 }", "192.0.2.18 }")],
        &["22:3: nodes.server-2: `server-2` has no private address, and `deploy` is written; \
         write `private:`, the address at which the other nodes reach it"],
    ),
    (
        &[("private: 10.77.0.19", "private: 10.77.0.18")],
        &["23:62: nodes.server-3.private: `10.77.0.18` is the address of `server-2` already; \
         write each node's own address"],
    ),
    (
        &[("role: mother", "role: child")],
        &["27:1: deploy: no node is the mother; \
         write role: mother at the node that has the database and the files"],
    ),
    (
        &[("role: standby", "role: mother")],
        &["21:23: nodes.server-1.1.role: `server-1.1` is a mother, as `server-1` is; \
         write role: standby; the cluster has one mother"],
    ),
    (
        &[("role: worker", "role: standby")],
        &[
            "24:23: nodes.video-1.role: `video-1` is a standby, as `server-1.1` is; \
         write another role; the cluster has one standby",
            "36:13: deploy.application.celery: no node is a worker that would run the tasks; \
         write role: worker at a node, or take `celery` out",
        ],
    ),
    (
        &[("failover: manual ", "failover: automatic ")],
        &["44:13: deploy.failover: automatic failover without `fence` can make two mothers; \
         write failover: manual, or a command that proves that a node is dead: \
         fence: { command: [/usr/local/sbin/fence, \"{node}\"] }"],
    ),
    (
        &[("failover: manual ", "failover: on ")],
        &["44:13: deploy.failover: unknown kind of failover `on`; write manual or automatic"],
    ),
    (
        &[
            ("failover: manual ", "failover: automatic "),
            ("# fence", "fence"),
            ("role: standby", "role: worker"),
        ],
        &["44:13: deploy.failover: no node is a standby that could take over; \
           write failover: manual, or role: standby at a node"],
    ),
    (
        &[(
            "# fence: { command: [/usr/local/sbin/fence, \"{node}\"] }",
            "fence: { command: [fence] }",
        )],
        &[
            "45:12: deploy.fence.command: `fence` is no whole path; \
         write its whole path first: [/usr/local/sbin/fence, \"{node}\"]",
            "45:12: deploy.fence.command: the command is not told which node it must prove dead; \
         write {node} as one of its arguments",
        ],
    ),
    (
        &[("# fence: { command: [/usr/local/sbin/fence, \"{node}\"] }", "fence: {}")],
        &["45:3: deploy.fence: `command` is missing; \
         write its whole path first: [/usr/local/sbin/fence, \"{node}\"]"],
    ),
    (
        &[("name: proyecto", "name: Proyecto-1")],
        &["43:21: deploy.database.name: `Proyecto-1` is no name of a database; \
         write small letters, digits and `_`, at most 64"],
    ),
    (
        &[("database: { name: proyecto }", "x-none: 1")],
        &[
            "27:1: deploy: `database` is missing; write its name: database: { name: project }",
            "43:3: deploy.x-none: there is no key `x-none` here; known here: debian, ssh, \
             mother_address, application, database, failover, fence",
        ],
    ),
    (
        &[("source: ../sitio", "source: .")],
        &[
            "32:13: deploy.application.source: `.` holds config.yaml itself: its secrets would become \
         a part of each release; write a folder beside that of config.yaml, such as ../site, or \
         below it",
        ],
    ),
    (
        &[("source: ../sitio", "source: ../../../../../../../../..")],
        &[
            "32:13: deploy.application.source: `../../../../../../../../..` holds config.yaml itself: \
         its secrets would become a part of each release; write a folder beside that of \
         config.yaml, such as ../site, or below it",
        ],
    ),
    (
        &[("source: ../sitio", "source: sitio/..")],
        &[
            "32:13: deploy.application.source: `sitio/..` holds config.yaml itself: its secrets would \
         become a part of each release; write a folder beside that of config.yaml, such as \
         ../site, or below it",
        ],
    ),
    (
        &[("source: ../sitio", "source: \"\"")],
        &["32:13: deploy.application.source: `` is no folder; \
         write a folder beside that of config.yaml, such as ../site, or below it"],
    ),
    (
        &[("source: ../sitio", "source: { git: \"ext::sh -c id\", ref: -x }")],
        &[
            "32:20: deploy.application.source.git: no URL that git can clone from; \
         write https://…, ssh://…, git@host:path or file:///…",
            "32:42: deploy.application.source.ref: `-x` is no name of a version; \
         write a branch, a tag or a commit: main",
        ],
    ),
    (
        &[("source: ../sitio", "source: { git: \"https://me:secret@example.com/a.git\" }")],
        &["32:20: deploy.application.source.git: the URL has a password in it; \
         take it out; give ssh or git a key, or a credential helper"],
    ),
    (
        &[("requirements: requirements.txt", "requirements: ../requirements.txt")],
        &[
            "33:19: deploy.application.requirements: `../requirements.txt` is no file of the source; \
         write a path below the source, without `..`: requirements.txt",
        ],
    ),
    (
        &[("requirements: requirements.txt", "python: python2.7")],
        &["33:13: deploy.application.python: `python2.7` is no Python interpreter; \
         write a command such as python3.13, or its whole path"],
    ),
    (
        &[
            ("proyecto.settings", "proyecto/settings"),
            ("proyecto.wsgi", "proyecto.wsgi:application"),
            ("celery: proyecto", "celery: 9"),
        ],
        &[
            "34:15: deploy.application.settings: `proyecto/settings` is no Python module; \
             write names with dots between them, as in `import`: project.settings",
            "35:11: deploy.application.wsgi: `proyecto.wsgi:application` is no Python module; \
             write names with dots between them, as in `import`: project.wsgi",
            "36:13: deploy.application.celery: `9` is no Python module; \
             write names with dots between them, as in `import`: project",
        ],
    ),
    (
        &[("    settings: proyecto.settings\n", "")],
        &["31:3: deploy.application: `settings` is missing; \
         write a Python module such as project.settings"],
    ),
    (
        &[("hosts: [midominio.com, www.midominio.com]", "hosts: []")],
        &["40:5: deploy.application.hosts: no host; \
         write the names that the application answers for: [www.example.com]"],
    ),
    (
        &[("hosts: [midominio.com, www.midominio.com]", "hosts: [\"*\", a:80, a, a]")],
        &[
            "40:13: deploy.application.hosts[0]: `*` is no host; \
         write a name such as www.example.com, or .example.com for all below it",
            "40:18: deploy.application.hosts[1]: `a:80` is no host; \
         write a name such as www.example.com, or .example.com for all below it",
            "40:27: deploy.application.hosts[3]: `a` is in the list already; remove it",
        ],
    ),
    (
        &[("env_file: secrets/app.env", "env: { SECRET_KEY: hidden }")],
        &["41:5: deploy.application.env: there is no key `env` here; secrets stand in a file of \
         their own: name it as `env_file`; known here: source, requirements, python, settings, \
         wsgi, celery, migrate, static, media, hosts, env_file, warm"],
    ),
    (
        &[("warm: /  ", "warm: index.html")],
        &["42:11: deploy.application.warm: `index.html` is no path of a URL; \
         write the path of a page, such as /, with other than ASCII as %…"],
    ),
];

#[test]
fn each_fault_is_told_with_its_line_and_what_to_write() {
    let mut different = vec![];
    for (changes, expected) in FAULTS {
        let (_dir, folder) = site(&changed(changes));
        let expected: Vec<String> = expected
            .iter()
            .map(|line| match line.starts_with("zones/") {
                true => (*line).to_owned(),
                false => format!("config.yaml:{line}"),
            })
            .collect();
        let told = faults(&folder);
        if told != expected {
            different.push(format!("{changes:?}\n  told {told:#?}\n  expected {expected:#?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn all_faults_are_told_at_once() {
    let changes = [
        ("debian: bookworm", "debian: sid"),
        ("port: 22,", "port: 0,"),
        ("source: ../sitio", "source: ."),
        ("wsgi: proyecto.wsgi", "wsgi: 1"),
        ("name: proyecto }", "name: A }"),
        ("failover: manual", "failover: automatic"),
        ("role: standby", "role: mother"),
    ];
    let (_dir, folder) = site(&changed(&changes));
    // Automatic failover lacks both its fence and its standby.
    assert_eq!(faults(&folder).len(), changes.len() + 1);
}

#[test]
fn a_secret_that_others_may_read_or_that_is_no_environment_is_refused() {
    let (_dir, folder) = with_key();
    let env = folder.join("secrets/app.env");
    write(&env, "# of the application\nSECRET_KEY=s3cret\n\nEMPTY=\n", 0o600);
    assert_eq!(faults(&folder), [] as [&str; 0]);

    write(&env, "SECRET_KEY=s3cret\n", 0o640);
    write(&folder.join("secrets/key"), "private", 0o604);
    assert_eq!(
        faults(&folder),
        [
            "config.yaml:29:37: deploy.ssh.key: `secrets/key` may be read or written by others \
             (mode 604); run `chmod 600 secrets/key`",
            "config.yaml:41:15: deploy.application.env_file: `secrets/app.env` may be read or \
             written by others (mode 640); run `chmod 600 secrets/app.env`",
        ]
    );

    write(&folder.join("secrets/key"), "private", 0o600);
    write(&env, "A=1\nexport B=s3cret\ns3cret\nA=s3cret\n", 0o600);
    let told = faults(&folder);
    assert!(told.iter().all(|fault| !fault.contains("s3cret")), "{told:#?}");
    assert_eq!(
        told.iter().map(|fault| fault.split(": ").nth(2).unwrap()).collect::<Vec<_>>(),
        [
            "`secrets/app.env` line 2 has no name of a variable before `=`; write letters, digits \
             and `_` before `=`, without blanks and `export`",
            "`secrets/app.env` line 3 is not KEY=value; write one key, `=` and its value a line",
            "`secrets/app.env` line 4 has a key that an earlier line has; remove one of the two",
        ]
    );
}

/// The name servers have config.yaml, its zones and nothing of the application.
#[test]
fn a_name_server_needs_neither_the_application_nor_its_secrets() {
    let (_dir, folder) = site(EXAMPLE);
    fs::remove_dir(folder.join("secrets")).unwrap();
    assert_eq!(faults(&folder), [] as [&str; 0]);
}

#[test]
fn json_has_everything_that_an_installer_needs() {
    let (_dir, folder) = with_key();
    let document: Value = serde_json::from_str(&printed(&folder, &[])).unwrap();
    let at = |path: &str| folder.join(path);
    let site = folder.parent().unwrap().join("sitio");
    let node = |name: &str, role: &str, address: &str, private: &str| {
        json!({ "name": name, "role": role, "addresses": [address], "private": [private],
                "tags": [] })
    };
    let expected = json!({
        "config": at("config.yaml"),
        "files": [at("config.yaml"), at("zones/midominio.com.zone")],
        "folder": folder,
        "zones": ["midominio.com"],
        "dashboard": "127.0.0.1:8053",
        "debian": "bookworm",
        "ssh": { "user": "root", "port": 22, "key": at("secrets/key") },
        "mother_address": "10.77.0.10",
        "application": {
            "source": { "folder": site }, "requirements": "requirements.txt", "python": null,
            "settings": "proyecto.settings", "wsgi": "proyecto.wsgi", "celery": "proyecto",
            "migrate": true, "static": true, "media": true,
            "hosts": ["midominio.com", "www.midominio.com"],
            "env_file": at("secrets/app.env"), "warm": "/",
        },
        "database": { "name": "proyecto" },
        "failover": "manual",
        "fence": null,
        "nodes": [
            node("server-1", "mother", "192.0.2.17", "10.77.0.17"),
            node("server-1.1", "standby", "192.0.2.16", "10.77.0.16"),
            node("server-2", "child", "192.0.2.18", "10.77.0.18"),
            node("server-3", "child", "192.0.2.19", "10.77.0.19"),
            node("video-1", "worker", "192.0.2.30", "10.77.0.30"),
            node("ns1", "dns", "192.0.2.53", "10.77.0.53"),
            node("ns2", "dns", "198.51.100.53", "10.77.0.54"),
        ],
    });
    assert_eq!(document, expected);

    let one: Value = serde_json::from_str(&printed(&folder, &["server-2"])).unwrap();
    assert_eq!(one["nodes"], json!([node("server-2", "child", "192.0.2.18", "10.77.0.18")]));
}

/// Also a folder that is reached by a link: `..` starts from where the files really are.
#[test]
fn paths_are_those_of_the_files_behind_a_link() {
    let (dir, folder) = with_key();
    let link = dir.path().join("elsewhere");
    fs::create_dir(&link).unwrap();
    symlink(&folder, link.join("cluster")).unwrap();
    let through: Value = serde_json::from_str(&printed(&link.join("cluster"), &["ns1"])).unwrap();
    let direct: Value = serde_json::from_str(&printed(&folder, &["ns1"])).unwrap();
    assert_eq!(through, direct);
}

#[test]
fn a_cluster_without_deploy_has_nodes_and_nulls() {
    let (text, _) = EXAMPLE.split_once("\ndeploy:").unwrap();
    let text = text.replace("192.0.2.53, private: 10.77.0.53 }", "192.0.2.53, tags: [b, a] }");
    let (_dir, folder) = site(&text);
    let document: Value = serde_json::from_str(&printed(&folder, &["ns1"])).unwrap();
    for key in ["debian", "ssh", "mother_address", "application", "database", "fence"] {
        assert_eq!(document[key], Value::Null, "{key}");
    }
    assert_eq!(document["failover"], "manual");
    let ns1 = json!({ "name": "ns1", "role": "dns", "addresses": ["192.0.2.53"], "private": [],
                      "tags": ["a", "b"] });
    assert_eq!(document["nodes"], json!([ns1]));
    assert_eq!(
        printed(&folder, &["--format", "ssh", "ns1"]),
        "Host ns1\n    HostName 192.0.2.53\n"
    );
    assert_eq!(
        printed(&folder, &["--format", "ansible", "ns1"]),
        "all:\n  children:\n    dns:\n      hosts:\n        \"ns1\":\n          \
         ansible_host: \"192.0.2.53\"\n          address: \"192.0.2.53\"\n          \
         tags: [\"a\",\"b\"]\n"
    );
    assert_eq!(
        refused(&folder, &["--format", "cloud-init", "ns1"]),
        "tiovivo: config.yaml has no `deploy`; write the user and the key of ssh there"
    );
}

#[test]
fn ansible_gets_a_group_for_each_role() {
    let (_dir, folder) = with_key();
    let text = printed(&folder, &["--format", "ansible"]);
    let document: Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(
        document["all"]["vars"],
        json!({ "ansible_user": "root", "ansible_port": 22, "mother_address": "10.77.0.10",
                "ansible_ssh_private_key_file": folder.join("secrets/key") })
    );
    let groups = document["all"]["children"].as_object().unwrap();
    let mut members: Vec<String> = groups
        .iter()
        .flat_map(|(role, group)| {
            let hosts = group["hosts"].as_object().unwrap().keys();
            hosts.map(move |host| format!("{role}/{host}"))
        })
        .collect();
    members.sort();
    assert_eq!(
        members,
        [
            "child/server-2",
            "child/server-3",
            "dns/ns1",
            "dns/ns2",
            "mother/server-1",
            "standby/server-1.1",
            "worker/video-1",
        ]
    );
    assert_eq!(
        groups["standby"]["hosts"]["server-1.1"],
        json!({ "ansible_host": "10.77.0.16", "address": "192.0.2.16", "private": "10.77.0.16" })
    );
}

#[test]
fn ssh_reads_its_blocks() {
    let (_dir, folder) = with_key();
    let key = folder.join("secrets/key");
    let text = printed(&folder, &["--format", "ssh", "server-1.1"]);
    let expected = format!(
        "Host server-1.1\n    HostName 10.77.0.16\n    User root\n    Port 22\n    \
         IdentityFile \"{}\"\n    IdentitiesOnly yes\n",
        key.display()
    );
    assert_eq!(text, expected);

    let all = folder.join("ssh_config");
    fs::write(&all, printed(&folder, &["--format", "ssh"])).unwrap();
    let mut ssh = Command::new("ssh");
    let Ok(output) = ssh.args(["-G", "-F"]).arg(&all).arg("ns2").output() else {
        eprintln!("skipped: there is no ssh");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let wanted = ["hostname 10.77.0.54", "user root", "port 22", "identitiesonly yes"];
    for line in
        wanted.map(str::to_owned).into_iter().chain([format!("identityfile {}", key.display())])
    {
        assert!(text.lines().any(|said| said == line), "{line} in {text}");
    }
}

#[test]
fn cloud_init_gets_the_user_data_of_one_node() {
    let (_dir, folder) = with_key();
    let root = printed(&folder, &["--format", "cloud-init", "server-2"]);
    assert_eq!(
        root,
        format!(
            "#cloud-config\nhostname: \"server-2\"\npreserve_hostname: false\n\
             disable_root: false\nssh_pwauth: false\n\
             users: [{{\"name\":\"root\",\"ssh_authorized_keys\":[\"{PUBLIC_KEY}\"]}}]\n"
        )
    );

    let standby = printed(&folder, &["--format", "cloud-init", "server-1.1"]);
    assert!(standby.contains("hostname: \"server-1-1\"\n"), "{standby}");

    let text = fs::read_to_string(folder.join("config.yaml")).unwrap();
    let text = text.replace("user: root, port: 22", "user: admin, port: 2222");
    fs::write(folder.join("config.yaml"), text).unwrap();
    let admin = printed(&folder, &["--format", "cloud-init", "server-2"]);
    let document: Value = serde_yaml::from_str(&admin).unwrap();
    assert_eq!(document["disable_root"], true);
    assert_eq!(
        document["users"],
        json!([{ "name": "admin", "shell": "/bin/bash", "lock_passwd": true,
                 "sudo": "ALL=(ALL) NOPASSWD:ALL", "ssh_authorized_keys": [PUBLIC_KEY] }])
    );
    assert_eq!(document["write_files"][0]["content"], "Port 2222\n");

    for text in [root, admin] {
        let file = folder.join("user-data");
        fs::write(&file, text).unwrap();
        let mut command = Command::new("cloud-init");
        match command.args(["schema", "--config-file"]).arg(&file).output() {
            Ok(output) => assert!(output.status.success(), "{output:?}"),
            Err(_) => eprintln!("skipped: there is no cloud-init"),
        }
    }
}

#[test]
fn what_cannot_be_printed_is_told_in_one_line() {
    let (_dir, folder) = with_key();
    let cloud_init =
        |node: &[&str]| refused(&folder, &[&["--format", "cloud-init"], node].concat());
    assert_eq!(
        cloud_init(&[]),
        "tiovivo: cloud-init has user data for one node; name it: \
         tiovivo inventory --format cloud-init NODE"
    );
    assert_eq!(
        refused(&folder, &["server2"]),
        "tiovivo: there is no node `server2`; did you mean `server-2`? write a key of `nodes`"
    );
    fs::write(folder.join("secrets/key.pub"), "no key").unwrap();
    assert_eq!(
        cloud_init(&["ns1"]),
        "tiovivo: /secrets/key.pub is no public key of OpenSSH; write one line into it"
    );
    fs::remove_file(folder.join("secrets/key.pub")).unwrap();
    assert_eq!(
        cloud_init(&["ns1"]),
        "tiovivo: /secrets/key.pub: there is no such file; \
         run `ssh-keygen -y -f /secrets/key > /secrets/key.pub`"
    );
}
