//! When targets are probed, in time that only the test moves.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tiovivo::health::probe::answer::ProbeAnswer;
use tiovivo::health::probe::ask::Ask;
use tiovivo::health::probe::failure::Failure;
use tiovivo::health::probe_timer::{STEP, burst_size};
use tiovivo::health::schedule::{AGAIN, CONCURRENT, Job, Schedule};
use tiovivo::health::{Observation, TargetId};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, advance, sleep, timeout};

const EVERY: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(2);

/// A member that takes `takes` for its answer and notes when it was asked.
#[derive(Clone, Default)]
struct Member {
    takes: Duration,
    asked: Arc<Mutex<Vec<Instant>>>,
    in_flight: Arc<AtomicUsize>,
    most_in_flight: Arc<AtomicUsize>,
}

struct Flight<'a>(&'a AtomicUsize);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Ask for Member {
    async fn ask(&self) -> Result<ProbeAnswer, Failure> {
        self.asked.lock().unwrap().push(Instant::now());
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        let _flight = Flight(&self.in_flight);
        self.most_in_flight.fetch_max(now, Ordering::Relaxed);
        sleep(self.takes).await;
        Ok(ProbeAnswer::Accepted)
    }
}

impl Member {
    fn taking(takes: Duration) -> Member {
        Member { takes, ..Member::default() }
    }

    fn asked(&self) -> Vec<Instant> {
        self.asked.lock().unwrap().clone()
    }
}

fn job(target: u64, ask: &Member) -> Job<Member> {
    Job { target: TargetId(target), every: EVERY, timeout: TIMEOUT, ask: ask.clone() }
}

/// What is observed in the next `time`.
async fn observe(receiver: &mut Receiver<Observation>, time: Duration) -> Vec<Observation> {
    let mut seen = Vec::new();
    let _ = timeout(time, async {
        while let Some(observation) = receiver.recv().await {
            seen.push(observation);
        }
    })
    .await;
    seen
}

#[tokio::test(start_paused = true)]
async fn the_first_probe_is_at_once_and_the_beat_neither_drifts_nor_strays() {
    let (mut schedule, mut receiver) = Schedule::new();
    let member = Member::taking(Duration::from_millis(300));
    let start = Instant::now();
    schedule.start([job(1, &member)]);
    observe(&mut receiver, EVERY * 1001).await;

    let asked = member.asked();
    assert!(asked[0] - start < STEP);
    let second = asked[1] - asked[0];
    assert!(second >= EVERY / 2 && second <= EVERY.mul_f64(1.61), "{second:?}");
    for pair in asked[1..].windows(2) {
        let apart = pair[1] - pair[0];
        assert!(apart >= EVERY.mul_f64(0.899) && apart <= EVERY.mul_f64(1.101), "{apart:?}");
    }
    let mean = (asked[asked.len() - 1] - asked[1]) / (asked.len() as u32 - 2);
    assert!(mean.abs_diff(EVERY) < EVERY / 1000, "{mean:?}");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_hangs_has_one_probe_in_flight_and_keeps_its_beat() {
    let (mut schedule, mut receiver) = Schedule::new();
    let member = Member::taking(Duration::MAX / 4);
    schedule.start([job(1, &member)]);
    let seen = observe(&mut receiver, EVERY * 100).await;

    assert_eq!(member.most_in_flight.load(Ordering::Relaxed), 1);
    assert!((98..=101).contains(&seen.len()), "{}", seen.len());
    assert!(seen.iter().all(|o| o.verdict == Err(Failure::NoAnswer { within: TIMEOUT })));
}

#[tokio::test(start_paused = true)]
async fn many_targets_begin_in_bursts_and_within_the_bound() {
    let (mut schedule, mut receiver) = Schedule::new();
    let member = Member::taking(Duration::from_secs(1));
    let start = Instant::now();
    schedule.start((0..2000).map(|target| job(target, &member)));
    let seen = observe(&mut receiver, Duration::from_secs(5)).await;

    assert!(seen.len() >= 2000);
    assert_eq!(member.most_in_flight.load(Ordering::Relaxed), CONCURRENT);
    let asked = member.asked();
    let in_time = |time| asked.iter().filter(|&&at| at - start < time).count();
    assert_eq!(in_time(STEP / 2), burst_size(2000));
    assert_eq!(in_time(STEP * 3 / 2), 2 * burst_size(2000));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_targets_never_come_in_a_burst() {
    let (mut schedule, mut receiver) = Schedule::new();
    let member = Member::taking(Duration::from_micros(200));
    let every = Duration::from_secs(1);
    let jobs = (0..1000).map(|target| Job { every, timeout: every / 2, ..job(target, &member) });
    schedule.start(jobs);
    observe(&mut receiver, every * 60).await;

    let asked = member.asked();
    assert!(asked.len() > 59_000);
    let within = |first: usize| {
        asked[first..]
            .iter()
            .take_while(|&&at| at - asked[first] < Duration::from_millis(10))
            .count()
    };
    let most = (0..asked.len()).map(within).max().unwrap();
    assert!(most <= 50, "{most} of 1000 probes in 10 ms");
}

#[tokio::test(start_paused = true)]
async fn later_probes_are_spread_over_the_interval() {
    let (mut schedule, mut receiver) = Schedule::new();
    let member = Member::default();
    schedule.start((0..400).map(|target| job(target, &member)));
    observe(&mut receiver, EVERY * 4).await;
    let start = Instant::now();
    let seen = observe(&mut receiver, EVERY / 10).await;
    assert!((10..=90).contains(&seen.len()), "{} of 400 in a tenth", seen.len());
    assert!(Instant::now() - start >= EVERY / 10);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_was_stopped_is_not_probed_again() {
    let (mut schedule, mut receiver) = Schedule::new();
    let (gone, kept) = (Member::default(), Member::default());
    schedule.start([job(1, &gone), job(2, &kept)]);
    observe(&mut receiver, EVERY * 3).await;
    schedule.stop(TargetId(1));
    assert_eq!(schedule.len(), 1);

    let before = gone.asked().len();
    let seen = observe(&mut receiver, EVERY * 3).await;
    assert_eq!(gone.asked().len(), before);
    assert!(!seen.is_empty() && seen.iter().all(|o| o.target == TargetId(2)));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_probe_in_flight() {
    let (mut schedule, mut receiver) = Schedule::new();
    let member = Member::taking(Duration::from_secs(1));
    schedule.start([job(1, &member)]);
    assert_eq!(observe(&mut receiver, Duration::from_millis(500)).await, []);
    assert_eq!(member.in_flight.load(Ordering::Relaxed), 1);
    drop(schedule);
    assert_eq!(observe(&mut receiver, EVERY).await, []);
    assert_eq!(member.in_flight.load(Ordering::Relaxed), 0);
}

/// Answers until it dies.
#[derive(Clone)]
struct Mortal {
    dies: Instant,
}

impl Ask for Mortal {
    async fn ask(&self) -> Result<ProbeAnswer, Failure> {
        if Instant::now() < self.dies { Ok(ProbeAnswer::Accepted) } else { Err(Failure::Refused) }
    }
}

/// Without asking once more the third failure comes two intervals after the first, in the mean 2.5
/// intervals after the death.
#[tokio::test(start_paused = true)]
async fn a_dead_node_fails_three_times_an_interval_sooner() {
    let mut all = Duration::ZERO;
    const NODES: u32 = 500;
    for node in 0..NODES {
        let (mut schedule, mut receiver) = Schedule::new();
        let dies = Instant::now() + 2 * EVERY + EVERY * node / NODES;
        let ask = Mortal { dies };
        schedule.start([Job { target: TargetId(1), every: EVERY, timeout: TIMEOUT, ask }]);
        let mut failures = 0;
        while failures < 3 {
            failures += u32::from(receiver.recv().await.unwrap().verdict.is_err());
        }
        let took = dies.elapsed();
        assert!(took <= EVERY.mul_f64(2.11), "{took:?}");
        all += took;
    }
    let mean = all / NODES;
    println!("3 failures of a dead node, every {EVERY:?}: mean {mean:?} after its death");
    assert!(mean < EVERY.mul_f64(1.6), "{mean:?}");
}

#[tokio::test(start_paused = true)]
async fn a_disturbance_of_everything_does_not_double_the_probes() {
    let (mut schedule, mut receiver) = Schedule::new();
    const NODES: u64 = 1000;
    let dies = Instant::now() + 4 * EVERY;
    let jobs = (0..NODES).map(|target| Job {
        target: TargetId(target),
        every: EVERY,
        timeout: TIMEOUT,
        ask: Mortal { dies },
    });
    schedule.start(jobs);
    observe(&mut receiver, 4 * EVERY).await;
    let failures = observe(&mut receiver, EVERY).await.len();
    // Each quarter of an interval lets so many be asked ahead.
    let ahead = 5 * AGAIN;
    assert!(failures > NODES as usize / 2 + AGAIN, "{failures}");
    assert!(failures <= NODES as usize + ahead + NODES as usize / 10, "{failures}");
}

#[tokio::test(start_paused = true)]
async fn who_is_doubted_is_asked_at_once_and_keeps_its_beat() {
    let (mut schedule, mut receiver) = Schedule::new();
    let members: Vec<Member> =
        (0..60).map(|_| Member::taking(Duration::from_millis(300))).collect();
    schedule.start(members.iter().enumerate().map(|(n, member)| job(n as u64, member)));
    observe(&mut receiver, EVERY * 3).await;
    let before: Vec<usize> = members.iter().map(|member| member.asked().len()).collect();
    let now = Instant::now();
    let all: Vec<TargetId> = (0..60).map(TargetId).collect();
    // Whoever asks twice gets no more for it.
    schedule.hurry(&all);
    schedule.hurry(&all);
    schedule.hurry(&[TargetId(999)]);
    observe(&mut receiver, EVERY * 20).await;
    for (member, before) in members.iter().zip(before) {
        let asked = member.asked();
        let soon = asked.iter().filter(|at| **at >= now && **at < now + EVERY / 2).count();
        // One in flight is waited for; two bursts of 10 ms follow the first.
        let first = asked[before] - now;
        assert!(first <= Duration::from_millis(320), "{first:?}");
        assert!((1..=2).contains(&soon), "{soon} probes");
        assert!((before + 20..=before + 22).contains(&asked.len()), "{}", asked.len());
        assert_eq!(member.most_in_flight.load(Ordering::Relaxed), 1);
    }
}

/// A member that says nothing, however long it is asked.
#[derive(Clone, Default)]
struct Silent(Arc<Mutex<Vec<Instant>>>);

impl Ask for Silent {
    async fn ask(&self) -> Result<ProbeAnswer, Failure> {
        self.0.lock().unwrap().push(Instant::now());
        std::future::pending().await
    }
}

fn silent(ask: &Silent) -> Job<Silent> {
    Job { target: TargetId(1), every: EVERY, timeout: TIMEOUT, ask: ask.clone() }
}

fn is_void(observation: &Observation) -> bool {
    observation.verdict.as_ref().is_err_and(Failure::is_void)
}

#[tokio::test(start_paused = true)]
async fn silence_in_time_that_was_lost_says_nothing_and_is_asked_about_soon() {
    let (mut schedule, mut observations) = Schedule::new();
    let member = Silent::default();
    schedule.start([silent(&member)]);
    sleep(TIMEOUT / 4).await;
    advance(6 * TIMEOUT).await;
    let continued = Instant::now();
    let first = observations.recv().await.unwrap();
    assert!(is_void(&first), "{first:?}");
    assert!(continued.elapsed() <= TIMEOUT + STEP, "given back once: {:?}", continued.elapsed());
    let second = observations.recv().await.unwrap();
    assert_eq!(second.verdict, Err(Failure::NoAnswer { within: TIMEOUT }), "not held up any more");
    let asked = member.0.lock().unwrap().clone();
    assert!(asked[1] - continued <= TIMEOUT + EVERY / 2, "{:?}", asked[1] - continued);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_in_time_that_is_given_back_counts() {
    let (mut schedule, mut observations) = Schedule::new();
    // Stopped with this machine for half of the timeout, it takes three quarters of it besides.
    let member = Member::taking(TIMEOUT * 5 / 4);
    schedule.start([job(1, &member)]);
    sleep(TIMEOUT / 4).await;
    advance(TIMEOUT / 2).await;
    let first = observations.recv().await.unwrap();
    let healthy = first.verdict.expect("up");
    assert!(healthy.rtt < TIMEOUT, "without the time that was lost: {:?}", healthy.rtt);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_counts_whatever_was_lost() {
    struct Refuses;
    impl Ask for Refuses {
        async fn ask(&self) -> Result<ProbeAnswer, Failure> {
            sleep(TIMEOUT / 2).await;
            Err(Failure::Refused)
        }
    }
    let (mut schedule, mut observations) = Schedule::new();
    schedule.start([Job { target: TargetId(1), every: EVERY, timeout: TIMEOUT, ask: Refuses }]);
    sleep(TIMEOUT / 4).await;
    advance(6 * TIMEOUT).await;
    assert_eq!(observations.recv().await.unwrap().verdict, Err(Failure::Refused));
}

/// Half of the time is lost, all the time.
#[tokio::test(start_paused = true)]
async fn a_machine_that_is_always_late_probes_no_more_than_others() {
    const INTERVALS: u32 = 40;
    let (mut schedule, mut observations) = Schedule::new();
    let member = Silent::default();
    schedule.start([silent(&member)]);
    let start = Instant::now();
    while start.elapsed() < EVERY * INTERVALS {
        sleep(Duration::from_millis(100)).await;
        advance(Duration::from_millis(100)).await;
    }
    let asked = member.0.lock().unwrap().len() as u32;
    assert!(asked <= INTERVALS + 2, "{asked} in {INTERVALS} intervals");
    let mut seen = 0;
    while let Ok(observation) = observations.try_recv() {
        assert!(is_void(&observation), "{observation:?}");
        seen += 1;
    }
    assert!(seen >= INTERVALS / 2, "{seen}");
}

#[tokio::test(start_paused = true)]
async fn a_report_that_could_not_come_is_not_missed() {
    const EXPIRES: Duration = Duration::from_secs(10);
    let (mut schedule, mut observations) = Schedule::new();
    schedule.listen(TargetId(1), EXPIRES);
    sleep(EXPIRES / 2).await;
    advance(EXPIRES).await;
    let first = observations.recv().await.unwrap();
    assert!(is_void(&first), "{first:?}");
    let second = observations.recv().await.unwrap();
    assert_eq!(second.verdict, Err(Failure::NoReport { within: EXPIRES }), "and then it is");
}
