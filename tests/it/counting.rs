//! The leaky counter beside two other rules, by simulation: how soon a bad node is out, and how often
//! a good one falls. `cargo test --test it counting -- --nocapture` prints the table.

use tiovivo::cluster::check::Thresholds;
use tiovivo::cluster::standing::Standing;
use tiovivo::health::tracker::Tracker;

const SEED: u64 = 2026;
const RUNS: usize = 10_000;
const FALL: u32 = 3;
const RISE: u32 = 2;
/// Of a healthy node.
const CHECKS: u32 = 10_000_000;
/// At one check every 5 s.
const CHECKS_A_DAY: f64 = 17_280.0;
/// A row of successes or failures of the other rules, and the whole account of ours.
const DEFAULTS: Thresholds = Thresholds { fall: FALL, rise: RISE, forgive: 9 };

/// A rule for a node that is up: whether this result takes it out.
trait Rule: Clone {
    fn is_out(&mut self, success: bool) -> bool;
}

/// The rule that is in use.
#[derive(Clone)]
struct Leaky(Tracker);

/// `fall` failures in a row.
#[derive(Clone, Default)]
struct InARow(u32);

/// `fall` failures; `rise` successes in a row make them forgotten. As gdnsd counts.
#[derive(Clone, Default)]
struct Reset {
    failures: u32,
    row: u32,
}

impl Rule for Leaky {
    fn is_out(&mut self, success: bool) -> bool {
        self.0.observe(success) == Some(Standing::Out)
    }
}

impl Rule for InARow {
    fn is_out(&mut self, success: bool) -> bool {
        self.0 = if success { 0 } else { self.0 + 1 };
        self.0 == FALL
    }
}

impl Rule for Reset {
    fn is_out(&mut self, success: bool) -> bool {
        if success {
            self.row += 1;
            if self.row == RISE {
                *self = Reset::default();
            }
        } else {
            self.failures += 1;
            self.row = 0;
        }
        self.failures == FALL
    }
}

fn leaky(forgive: u32) -> Leaky {
    Leaky(Tracker::new(Thresholds { forgive, ..DEFAULTS }, Some(Standing::Serving)))
}

/// Checks until a node with this loss is out: median, 99 %.
fn until_out(rule: &impl Rule, loss: f64) -> (u32, u32) {
    let mut luck = fastrand::Rng::with_seed(SEED);
    let run = |_| {
        let mut rule = rule.clone();
        let mut checks = 1;
        while !rule.is_out(luck.f64() >= loss) {
            checks += 1;
        }
        checks
    };
    let mut runs: Vec<u32> = (0..RUNS).map(run).collect();
    runs.sort_unstable();
    (runs[RUNS / 2], runs[RUNS * 99 / 100])
}

/// How often a node falls in [`CHECKS`]; it is up again at once each time.
fn falls(rule: &impl Rule, loss: f64) -> u32 {
    let mut luck = fastrand::Rng::with_seed(SEED);
    let (mut now, mut falls) = (rule.clone(), 0);
    for _ in 0..CHECKS {
        if now.is_out(luck.f64() >= loss) {
            falls += 1;
            now = rule.clone();
        }
    }
    falls
}

struct Row {
    median: u32,
    most: u32,
    /// Of a healthy node with 1 % loss.
    a_day: f64,
}

fn row(name: &str, rule: &impl Rule) -> Row {
    let (median, most) = until_out(rule, 0.3);
    assert_eq!(until_out(rule, 1.0), (FALL, FALL), "{name}: a dead node");
    let a_day = f64::from(falls(rule, 0.01)) / f64::from(CHECKS) * CHECKS_A_DAY;
    println!("{name:<30} {median:>6} {most:>6} {FALL:>6} {a_day:>10.3}");
    Row { median, most, a_day }
}

#[test]
fn a_lossy_node_is_found_soon_and_a_healthy_one_left_alone() {
    println!("checks until a node is out (median, 99 %, dead); falls of a healthy one, a day");
    let ours = row("leaky, forgive 9 (default)", &leaky(DEFAULTS.forgive));
    row("leaky, forgive 10", &leaky(10));
    let in_a_row = row("3 in a row", &InARow::default());
    let reset = row("3, forgotten after 2 in a row", &Reset::default());
    assert!(ours.median <= 12 && ours.most <= 40, "{} {}", ours.median, ours.most);
    assert!(ours.a_day <= 0.06, "{}", ours.a_day);
    assert_eq!(falls(&leaky(DEFAULTS.forgive), 0.001), 0, "of {CHECKS} checks, 0.1 % lost");
    assert!(ours.most < reset.most && reset.most < in_a_row.most);
}
