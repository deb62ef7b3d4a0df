//! Formats a run as text: the answers at each change, and the effect on clients.

use crate::cli::columns::columns;
use crate::cli::simulate::scale::{event, kind, percent, seconds};
use crate::simulation::diary::{LineContent, Run};

/// Marks of events and log lines in the column after the time.
const EVENT: &str = "*";
const NEWS: &str = "-";

/// The whole text.
pub fn table(run: &Run, title: &str) -> String {
    let until = run.until.as_secs_f64();
    format!(
        "{title}: {until} s, seed {}\n{EVENT} what happens  {NEWS} what the server logs\n\n\
         {}\n{}",
        run.seed,
        answers(run),
        clients(run)
    )
}

/// The lines of the run. Events and log lines do not widen the columns of the answers.
fn answers(run: &Run) -> String {
    let mut rows = vec![["AT", "NAME", "TTL", "ANSWER", "WHY"].map(String::from)];
    let widest = run.lines.iter().map(|line| seconds(line.at).len()).max().unwrap_or(0);
    let at = |line| format!("{:>widest$}", seconds(line));
    for line in &run.lines {
        if let LineContent::Answer { names, answered, why } = &line.content {
            let first = names.first().map(ToString::to_string).unwrap_or_default();
            let name = match names.len() {
                0 | 1 => first,
                more => format!("{first} +{}", more - 1),
            };
            let shown = answered.shown();
            rows.push([at(line.at), name, answered.ttl.to_string(), shown, why.clone()]);
        }
    }
    let table = columns(&rows);
    let mut answers = table.lines();
    let mut text = String::new();
    let mut push = |line: &str| text.extend([line, "\n"]);
    push(answers.next().unwrap_or_default());
    for line in &run.lines {
        match &line.content {
            LineContent::Answer { .. } => push(answers.next().unwrap_or_default()),
            LineContent::Event(what) => push(&format!("{}  {EVENT} {}", at(line.at), event(what))),
            LineContent::News(news) => push(&format!("{}  {NEWS} {news}", at(line.at))),
        }
    }
    text
}

fn clients(run: &Run) -> String {
    let head = format!("CLIENTS OF {}", run.asks);
    let mut rows = vec![[&head, "SHARE", "REQUESTS", "HIT A DEAD NODE", "LOST"].map(String::from)];
    let all = run.population.all();
    let kinds = run.population.kinds();
    let kinds = kinds.map(|(of, tally)| (kind(of.keeps), of.share, *tally));
    for (what, share, tally) in kinds.chain([("all".into(), 100, all)]) {
        let of_requests = |part| format!("{:.2} %", percent(part, tally.requests));
        rows.push([
            what,
            format!("{share} %"),
            tally.requests.to_string(),
            of_requests(tally.hits),
            of_requests(tally.lost),
        ]);
    }
    columns(&rows)
}
