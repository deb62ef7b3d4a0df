//! Plays every file of `simulations`: its table and its plot are kept beside it, and must come out
//! again to the octet.
//!
//! `TIOVIVO_REWRITE=1` writes what comes out now into the files, and into docs/simulate.md: read the
//! difference, and look at the plots, before you commit it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tiovivo::cli::simulate::{plot, table, title};
use tiovivo::cluster::node::Role;
use tiovivo::config::simulation;
use tiovivo::config::simulation::timeline::{Does, Keeps, Simulation, What};
use tiovivo::simulation::diary::{LineContent, Run};
use tiovivo::simulation::player::play;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulations");
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    assert!(files.len() >= 6, "the simulations were not found");
    files
}

fn load(file: &Path) -> Simulation {
    let (simulation, warnings) = simulation::load(file).unwrap_or_else(|faults| {
        panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
    assert_eq!(warnings, []);
    simulation
}

fn played(name: &str, seed: u64) -> Run {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulations").join(name);
    play(&few_clients(load(&file)), &file, seed).unwrap()
}

/// Where the answers matter, not who asks.
fn few_clients(mut simulation: Simulation) -> Simulation {
    simulation.clients.count = 50;
    simulation
}

#[test]
fn every_simulation_comes_out_as_kept() {
    let is_rewritten = std::env::var_os("TIOVIVO_REWRITE").is_some();
    let mut faults = vec![];
    for file in files() {
        let simulation = load(&file);
        let run = play(&simulation, &file, simulation.seed).unwrap();
        let title = title(&file);
        for (end, now) in [("txt", table::table(&run, &title)), ("svg", plot::svg(&run, &title))] {
            let kept = file.with_extension(end);
            if is_rewritten {
                std::fs::write(&kept, &now).unwrap();
            }
            if is_rewritten && end == "txt" {
                rewrite_page(&title, &now);
            }
            if std::fs::read_to_string(&kept).unwrap_or_default() != now {
                let shown = if end == "txt" { now.as_str() } else { "" };
                faults.push(format!("{} is another one now\n{shown}", kept.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}\nTIOVIVO_REWRITE=1 rewrites them", faults.join("\n"));
}

/// The page shows one of them; another test holds it against what is printed.
fn rewrite_page(title: &str, table: &str) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/simulate.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let command = format!("$ tiovivo simulate simulations/{title}.yaml\n");
    if let Some((before, after)) = text.split_once(&command) {
        let after = &after[after.find("\ndrawn in").unwrap()..];
        std::fs::write(&page, format!("{before}{command}{table}{after}")).unwrap();
    }
}

#[test]
fn the_seed_alone_makes_the_difference() {
    let lines = |seed| table::table(&played("lossy-child.yaml", seed), "t");
    assert_eq!(lines(5), lines(5));
    assert_ne!(lines(5).replace("seed 5", ""), lines(6).replace("seed 6", ""));
}

/// Whatever happens in any simulation, with any seed.
#[test]
fn what_everyone_may_ask_names_children_only_and_is_never_empty() {
    let mut answers = 0;
    for file in files() {
        let simulation = few_clients(load(&file));
        let children = simulation.config.nodes.iter().filter(|node| node.role == Role::Child);
        let children: Vec<IpAddr> =
            children.filter_map(|node| node.address.map(IpAddr::from)).collect();
        for seed in 0..10 {
            let run = play(&simulation, &file, seed).unwrap();
            for line in &run.lines {
                let LineContent::Answer { names, answered, .. } = &line.content else { continue };
                if !names.contains(&simulation.clients.asks) {
                    continue;
                }
                answers += 1;
                assert!(!answered.addresses.is_empty(), "{} at {:?}", file.display(), line.at);
                let is_child = |(address, _): &(IpAddr, u8)| children.contains(address);
                assert!(answered.addresses.iter().all(is_child), "{answered:?}");
            }
        }
    }
    assert!(answers > 100);
}

/// Whoever keeps to the TTL has forgotten a node before it counts as drained.
#[test]
fn a_drain_costs_nobody_a_request_who_keeps_to_the_ttl() {
    for seed in 0..5 {
        let run = played("rolling-drain.yaml", seed);
        let told = |text: &str| -> Vec<Duration> {
            let told =
                |said: &LineContent| matches!(said, LineContent::News(news) if news.contains(text));
            run.lines.iter().filter(|line| told(&line.content)).map(|line| line.at).collect()
        };
        let (begun, ended) = (told("draining since"), told(": drained: "));
        assert_eq!(begun.len(), 3, "seed {seed}");
        // A TTL of 30 s, and the grace.
        assert!(begun.iter().map(|at| *at + Duration::from_secs(60)).eq(ended), "seed {seed}");
        for (kind, tally) in run.population.kinds() {
            if kind.keeps == Keeps::Ttl {
                assert_eq!(tally.hits, 0, "seed {seed}: {tally:?}");
            }
        }
    }
}

/// The control targets tell it from a death of all.
#[test]
fn a_checker_that_is_cut_off_changes_no_answer_whatever_the_seed() {
    for seed in 0..20 {
        let run = played("checker-cut-off.yaml", seed);
        let told = |text: &str| {
            let told =
                |said: &LineContent| matches!(said, LineContent::News(news) if news.contains(text));
            run.lines.iter().filter(|line| told(&line.content)).count()
        };
        assert_eq!((told("out of the answers"), told("this machine is cut off")), (0, 2), "{seed}");
        let answers = run.lines.iter().filter_map(|line| match &line.content {
            LineContent::Answer { answered, .. } => Some(answered.addresses.len()),
            _ => None,
        });
        // Those of the children, and the mother.
        assert!(answers.into_iter().all(|count| count == 4 || count == 1), "seed {seed}");
    }
}

#[test]
fn a_child_that_flaps_is_held_out_for_longer_and_longer_whatever_the_seed() {
    for seed in 0..20 {
        let run = played("flapping-child.yaml", seed);
        let outs = run.lines.iter().filter_map(|line| match &line.content {
            LineContent::News(news) if news.contains("out of the answers") => Some((line.at, news)),
            _ => None,
        });
        let outs: Vec<(Duration, &String)> = outs.collect();
        let held = |(_, news): &&(Duration, &String)| news.contains("held out until");
        assert_eq!(outs.iter().take_while(|out| !held(out)).count(), 3, "seed {seed}: {outs:?}");
        assert!(outs.iter().skip(3).all(|out| held(&out)) && outs.len() > 4, "{outs:?}");
        // The fifth comes a minute after the fourth at the soonest.
        assert!(outs[4].0 - outs[3].0 >= Duration::from_secs(60), "seed {seed}: {outs:?}");
    }
}

/// Of `every: 5s ± 10 %`, `timeout: 2s` and `fall: 3` follows when a dead child is out: the second of
/// its three probes comes ahead of the beat.
#[test]
fn a_dead_child_is_out_within_three_probes_whatever_the_seed() {
    let dead: IpAddr = "192.0.2.19".parse().unwrap();
    for seed in 0..50 {
        let run = played("child-dies.yaml", seed);
        let died = run.lines.iter().position(|line| {
            matches!(&line.content, LineContent::Event(What::Node { does: Does::Dies, .. }))
        });
        let died = died.unwrap();
        let out = run.lines[died..].iter().find(|line| match &line.content {
            LineContent::Answer { answered, .. } => {
                answered.addresses.iter().all(|(at, _)| *at != dead)
            }
            LineContent::Event(_) | LineContent::News(_) => false,
        });
        let took = out.unwrap().at - run.lines[died].at;
        let (least, most) = (Duration::from_millis(6500), Duration::from_secs(13));
        assert!((least..=most).contains(&took), "seed {seed}: {took:?}");
        let all = run.population.all();
        assert!(all.hits > 0 && all.lost < all.hits, "seed {seed}: {all:?}");
    }
}

#[test]
fn every_fault_of_a_timeline_is_told_with_its_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulations");
    let file = folder.join("t.yaml");
    let text = "\
config: cluster/config.yaml
until: 60
sed: 1
events:
  - { at: 10s, node: server-9, does: dies }
  - { at: 90m, node: server-3, does: dies }
  - { at: 10s, node: server-3, does: die }
  - { at: 10s, node: server-3, does: loses 130% }
  - { at: 10s, node: server-3 }
  - { node: server-3, does: dies }
  - { at: 10s, checker: cutoff }
  - { at: 10s }
  - { at: 10s, operator: drian server-3 }
  - { at: 10s, operator: drain server-9 }
  - { at: 10s, operator: release }
clients:
  asks: example.org
  kinds: [{ share: 60% }, { share: 30%, floor: 30s }, { floor: 1s, pins: 1s }]
";
    let faults = simulation::parse(&file, text).unwrap_err();
    let told: Vec<String> = faults
        .iter()
        .map(|fault| fault.to_string().replace(&format!("{}:", file.display()), ""))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_configuration_may_stand_in_the_timeline_and_its_faults_have_their_lines() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulations/cluster");
    let file = folder.join("t.yaml");
    let text = std::fs::read_to_string(folder.join("config.yaml")).unwrap();
    let indented = text.lines().fold(String::new(), |text, line| format!("{text}  {line}\n"));
    let inline = format!("until: 30s\nconfig:\n{indented}");
    let (simulation, _) = simulation::parse(&file, &inline).unwrap();
    assert_eq!(simulation.config.pools.len(), 2);

    let faulty = inline.replace("fall: 3, rise: 2", "fall: 3, rise: 0");
    let wrong = faulty.replace("until: 30s", "until: 30");
    let faults = simulation::parse(&file, &wrong).unwrap_err();
    let lines: Vec<u32> = faults.iter().map(|f| f.spot.as_ref().unwrap().span.line).collect();
    let rise = wrong.lines().position(|line| line.contains("rise: 0")).unwrap() as u32 + 1;
    assert_eq!(lines, [1, rise]);
    assert!(faults.iter().all(|fault| fault.file == file.display().to_string()));
}
