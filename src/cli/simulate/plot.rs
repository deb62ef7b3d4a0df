//! Draws a run as SVG: a row for each member, and below them the requests that hit a dead node.
//!
//! The picture consists of lines, boxes and words, so no crate is used.

use std::fmt::Write as _;
use std::time::Duration;

use crate::cli::simulate::scale::{event, percent, step};
use crate::simulation::diary::{Band, LineContent, Row, Run, Shade};
use crate::simulation::population::Tally;

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 24.0;
const TITLE: f64 = 34.0;
/// Height of a line of event labels, and how many lines there are at most.
const LABEL: f64 = 15.0;
const LABELS: usize = 5;
/// Average width of a character of a label.
const CHARACTER: f64 = 6.2;
const ROW: f64 = 27.0;
/// Further height for a member with a deep check.
const DEEP: f64 = 7.0;
const BAND: f64 = 14.0;
const THIN: f64 = 4.0;
const POOL: f64 = 24.0;
const CHART: f64 = 150.0;
const GAP: f64 = 34.0;
const FOOT: f64 = 120.0;
/// Most rows. If there are more members, only members with events are drawn.
const MAX_ROWS: usize = 40;
const MAX_TICKS: f64 = 12.0;

const SHADES: [Shade; 5] = [Shade::Up, Shade::Falling, Shade::Down, Shade::Rising, Shade::Unknown];
const INK: &str = "#24292f";
const PALE: &str = "#d0d7de";
const GREY: &str = "#57606a";
const HITS: &str = "#cf222e";
const LOST: &str = "#82071e";
const UNWELL: &str = "#24292f";

fn colour(shade: Shade) -> &'static str {
    match shade {
        Shade::Up => "#4aa564",
        Shade::Falling => "#e3b341",
        Shade::Down => "#d1495b",
        Shade::Rising => "#4c8eda",
        Shade::Unknown => "#afb8c1",
    }
}

fn word(shade: Shade) -> &'static str {
    match shade {
        Shade::Up => "up",
        Shade::Falling => "falling",
        Shade::Down => "down",
        Shade::Rising => "rising",
        Shade::Unknown => "unknown",
    }
}

/// A whole SVG document.
pub fn svg(run: &Run, title: &str) -> String {
    let mut plot = Plot { svg: String::new(), until: run.until.as_secs_f64() };
    let labels = plot.labels(run);
    let top = TITLE + LABEL * labels as f64 + 8.0;
    let (rows, members_end) = plot.members(run, top);
    let chart_top = members_end + GAP;
    let chart_end = chart_top + CHART;
    plot.grid(top, members_end);
    plot.grid(chart_top, chart_end);
    plot.events(run, top, chart_end);
    plot.svg.push_str(&rows);
    plot.chart(run, chart_top);
    plot.axis(chart_end);
    plot.legend(chart_end + 52.0);
    let height = chart_end + FOOT;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"DejaVu Sans, Verdana, sans-serif\" \
         font-size=\"11\" fill=\"{INK}\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\" font-weight=\"bold\">{}</text>\n{}</svg>\n",
        escaped(&format!("{title}, seed {}", run.seed)),
        plot.svg
    )
}

struct Plot {
    svg: String,
    /// The end of the run, in seconds.
    until: f64,
}

impl Plot {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * seconds / self.until
    }

    fn text(&mut self, x: f64, y: f64, more: &str, text: &str) {
        let text = escaped(text);
        let _ = writeln!(self.svg, "<text x=\"{x:.1}\" y=\"{y:.1}\"{more}>{text}</text>");
    }

    fn box_(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str) {
        let _ = writeln!(
            self.svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"{fill}\"/>"
        );
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str, more: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(
            self.svg,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" \
             stroke=\"{stroke}\"{more}/>"
        );
    }

    fn ticks(&self) -> impl Iterator<Item = f64> + use<> {
        let step = step(self.until, MAX_TICKS);
        let until = self.until;
        (0u32..).map(move |tick| f64::from(tick) * step).take_while(move |at| *at <= until)
    }

    fn grid(&mut self, top: f64, end: f64) {
        for tick in self.ticks() {
            let x = self.x(tick);
            self.line((x, top), (x, end), "#eaeef2", "");
        }
    }

    /// Writes the events above the rows, and returns the number of lines that they take.
    fn labels(&mut self, run: &Run) -> usize {
        let mut ends = [f64::MIN; LABELS];
        let mut used = 0;
        for line in &run.lines {
            let LineContent::Event(what) = &line.content else { continue };
            let text = event(what);
            let width = text.chars().count() as f64 * CHARACTER;
            let x = self.x(line.at.as_secs_f64());
            let start = (x - 3.0).min(WIDTH - 4.0 - width);
            // A label without room is left out: its line stays, and the table has the event.
            if let Some(level) = ends.iter().position(|end| *end + 8.0 <= start) {
                ends[level] = start + width;
                used = used.max(level + 1);
                let y = TITLE + LABEL * level as f64 + 11.0;
                self.text(start, y, &format!(" fill=\"{GREY}\""), &text);
            }
        }
        used
    }

    fn events(&mut self, run: &Run, top: f64, end: f64) {
        for line in run.lines.iter().filter(|line| matches!(line.content, LineContent::Event(_))) {
            let x = self.x(line.at.as_secs_f64());
            self.line((x, top - 6.0), (x, end), GREY, " stroke-dasharray=\"2 3\"");
        }
    }

    /// The rows, to be drawn over the grid, and the height at which they end.
    fn members(&self, run: &Run, top: f64) -> (String, f64) {
        let mut plot = Plot { svg: String::new(), until: self.until };
        let mut y = top;
        let mut pool = "";
        let rows = drawn(&run.rows);
        for row in &rows {
            if row.pool != pool {
                pool = &row.pool;
                let text = format!("pool {pool}");
                plot.text(14.0, y + 16.0, " font-weight=\"bold\"", &text);
                y += POOL;
            }
            plot.member(row, y);
            y += ROW + if row.deep.is_some() { DEEP } else { 0.0 };
        }
        if let Some(more @ 1..) = run.rows.len().checked_sub(rows.len()) {
            plot.text(14.0, y + 14.0, "", &format!("and {more} others"));
            y += ROW;
        }
        (plot.svg, y)
    }

    /// Draws a bar that is thick while the member is in answers, and thin otherwise.
    fn member(&mut self, row: &Row, y: f64) {
        let end = " text-anchor=\"end\"";
        self.text(LEFT - 10.0, y + 12.0, end, row.node.as_str());
        let until = self.until;
        for (from, to, shade) in spans(&row.check, until) {
            for (start, end, in_answers) in spans(&row.in_answers, until) {
                let (start, end) = (from.max(start), to.min(end));
                if start < end {
                    let height = if in_answers { BAND } else { THIN };
                    let (x, width) = (self.x(start), self.x(end) - self.x(start));
                    self.box_(x, y + 8.0 - height / 2.0, width, height, colour(shade));
                }
            }
        }
        for (from, to, shade) in row.deep.iter().flat_map(|deep| spans(deep, until)) {
            let x = self.x(from);
            self.box_(x, y + 20.0, self.x(to) - x, 3.0, colour(shade));
        }
        for (from, to, _) in spans(&row.is_well, until).filter(|(_, _, is_well)| !is_well) {
            let x = self.x(from);
            self.box_(x, y + 16.5, self.x(to) - x, 2.0, UNWELL);
        }
    }

    fn chart(&mut self, run: &Run, top: f64) {
        let tallies = &run.population.of_second;
        let share = |part: u64, of: u64| percent(part, of);
        let most = tallies.iter().map(|t| share(t.hits, t.requests)).fold(1.0, f64::max);
        let step = step(most, 5.0);
        let highest = (most / step).ceil() * step;
        let y = |percent: f64| top + CHART * (1.0 - percent / highest);
        let mut mark = 0.0;
        while mark <= highest + step / 2.0 {
            self.line((LEFT, y(mark)), (WIDTH - RIGHT, y(mark)), PALE, "");
            let text = format!("{} %", (mark * 100.0).round() / 100.0);
            self.text(LEFT - 10.0, y(mark) + 4.0, " text-anchor=\"end\"", &text);
            mark += step;
        }
        let middle = top + CHART / 2.0;
        let turned = format!(" text-anchor=\"middle\" transform=\"rotate(-90 40 {middle:.1})\"");
        self.text(40.0, middle - 8.0, &turned, "requests that hit");
        self.text(40.0, middle + 6.0, &turned, "a dead node (%)");
        // Only corners are written: most seconds are equal to the one before.
        let path = |part: fn(&Tally) -> u64| {
            let (mut path, mut last) = (String::new(), y(0.0));
            for (second, tally) in tallies.iter().enumerate() {
                let (x, now) = (self.x(second as f64), y(share(part(tally), tally.requests)));
                if now != last {
                    let _ = write!(path, "{x:.1},{last:.1} {x:.1},{now:.1} ");
                    last = now;
                }
            }
            let _ = write!(path, "{:.1},{last:.1} ", self.x(self.until));
            path
        };
        let (hits, lost) = (path(|tally| tally.hits), path(|tally| tally.lost));
        let (start, end, floor) = (self.x(0.0), self.x(self.until), y(0.0));
        let _ = writeln!(
            self.svg,
            "<polygon points=\"{start:.1},{floor:.1} {lost}{end:.1},{floor:.1}\" fill=\"{LOST}\" \
             fill-opacity=\"0.35\"/>\n\
             <polyline points=\"{start:.1},{floor:.1} {hits}\" fill=\"none\" \
             stroke=\"{HITS}\" stroke-width=\"1.6\"/>"
        );
    }

    fn axis(&mut self, y: f64) {
        self.line((LEFT, y), (WIDTH - RIGHT, y), GREY, "");
        for tick in self.ticks() {
            let x = self.x(tick);
            self.line((x, y), (x, y + 4.0), GREY, "");
            self.text(x, y + 16.0, " text-anchor=\"middle\"", &format!("{tick}"));
        }
        let middle = (LEFT + WIDTH - RIGHT) / 2.0;
        self.text(middle, y + 32.0, " text-anchor=\"middle\"", "time since the start (s)");
    }

    fn legend(&mut self, y: f64) {
        let mut x = LEFT;
        for shade in SHADES {
            self.box_(x, y, 14.0, 10.0, colour(shade));
            self.text(x + 19.0, y + 9.0, "", word(shade));
            x += 84.0;
        }
        let second = y + 22.0;
        let mut x = LEFT;
        self.box_(x, second - 2.0, 22.0, BAND, colour(Shade::Up));
        self.text(x + 28.0, second + 9.0, "", "in the answers");
        x += 140.0;
        self.box_(x, second + 3.0, 22.0, THIN, colour(Shade::Down));
        self.text(x + 28.0, second + 9.0, "", "out of them");
        x += 126.0;
        self.box_(x, second + 4.0, 22.0, 2.0, UNWELL);
        self.text(x + 28.0, second + 9.0, "", "truly unwell");
        x += 126.0;
        self.box_(x, second + 3.5, 22.0, 3.0, colour(Shade::Falling));
        self.text(x + 28.0, second + 9.0, "", "deep check, below its member");
        let third = second + 21.0;
        let middle = third + 5.0;
        self.line((LEFT, middle), (LEFT + 22.0, middle), HITS, " stroke-width=\"1.6\"");
        self.text(LEFT + 28.0, third + 9.0, "", "first address tried was dead");
        let x = LEFT + 240.0;
        let _ = writeln!(
            self.svg,
            "<rect x=\"{x:.1}\" y=\"{third:.1}\" width=\"22\" height=\"10\" fill=\"{LOST}\" \
             fill-opacity=\"0.35\"/>"
        );
        self.text(x + 28.0, third + 9.0, "", "and so was every other that the client had");
    }
}

fn drawn(rows: &[Row]) -> Vec<&Row> {
    // A first result, from unknown to up, is no event.
    let is_eventful = |row: &&Row| row.check.0.len() > 2 || row.is_well.0.len() > 1;
    match rows.len() > MAX_ROWS {
        true => rows.iter().filter(is_eventful).take(MAX_ROWS).collect(),
        false => rows.iter().collect(),
    }
}

/// Spans as (from, to, value), in seconds.
fn spans<T: Copy>(band: &Band<T>, until: f64) -> impl Iterator<Item = (f64, f64, T)> {
    let ends = band.0.iter().skip(1).map(|(at, _)| Duration::as_secs_f64(at)).chain([until]);
    band.0.iter().zip(ends).map(|((from, what), to)| (from.as_secs_f64(), to, *what))
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // XML cannot represent the other control characters.
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}
