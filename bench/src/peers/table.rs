//! What is printed, and drawn.

use crate::median;
use crate::print::{self, digits};

/// The fastest that is asked of anyone, in milliseconds.
const FLOOR_MS: f64 = 0.35;

/// One side's milliseconds of one kind of query.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// Of the first query of each turn, when the others have just had theirs.
    pub first: Vec<f64>,
    /// Of the one after it.
    pub warm: Vec<f64>,
}

/// Medians of milliseconds: ours, and the peers' in their order; NaN of one who cannot be asked.
#[derive(Clone, Debug)]
pub struct Medians {
    /// Ours.
    pub ours: f64,
    /// The peers'.
    pub peers: Vec<f64>,
}

impl Medians {
    fn new(sides: &[Times], of: impl Fn(&Times) -> &Vec<f64>) -> Self {
        let mut all = sides.iter().map(|times| median(of(times).clone()));
        Self { ours: all.next().unwrap_or(f64::NAN), peers: all.collect() }
    }

    /// The fastest peer's; NaN if none was asked.
    fn fastest(&self) -> f64 {
        self.peers.iter().copied().fold(f64::NAN, f64::min)
    }

    /// How many times faster than the fastest peer; NaN if no peer was asked.
    #[must_use]
    pub fn factor(&self) -> f64 {
        self.fastest() / self.ours
    }

    fn factor_text(&self) -> String {
        match self.factor() {
            factor if factor.is_nan() => "–".to_owned(),
            factor => format!("{factor:.1}"),
        }
    }
}

/// What came of one kind of query.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Rows of an answer.
    pub rows: usize,
    /// Who answered.
    pub by: String,
    /// After the others' turns.
    pub first: Medians,
    /// Right after that.
    pub warm: Medians,
    /// How many times faster than the fastest of them it is to be.
    pub goal: f64,
}

impl Line {
    /// One of all times: ours, and the peers' in their order.
    #[must_use]
    pub fn new(name: &str, goal: f64, rows: usize, by: String, sides: Vec<Times>) -> Self {
        let warm = Medians::new(&sides, |times| &times.warm);
        let first = Medians::new(&sides, |times| &times.first);
        Self { name: name.to_owned(), rows, by, warm, first, goal }
    }

    /// Whether it is as fast as it is to be, by these of its medians.
    #[must_use]
    pub fn is_reached(&self, by: &Medians) -> bool {
        by.factor() >= self.goal || by.ours <= FLOOR_MS
    }
}

/// The table as Markdown.
#[must_use]
pub fn markdown(peers: &[&str], lines: &[Line]) -> String {
    let named = peers.iter().map(|name| format!("{name}, ms"));
    let head = ["query", "rows", "tidemill, ms"].map(str::to_owned).into_iter().chain(named);
    let tail = ["times faster than the fastest", "goal", "warm: tidemill, ms", "the fastest, ms"];
    let tail = tail.iter().chain(&["times faster", "goal"]).map(|name| (*name).to_owned());
    let mut rows = vec![head.chain(tail).collect::<Vec<String>>()];
    for line in lines {
        let by = if line.by == "native" { "" } else { " (DataFusion's plan)" };
        let Medians { ours, peers } = &line.first;
        let mut cells =
            vec![line.name.clone(), line.rows.to_string(), format!("{}{by}", digits(*ours))];
        let fastest = line.first.fastest();
        cells.extend(peers.iter().map(|time| match *time <= fastest {
            true => format!("**{}**", digits(*time)),
            false => digits(*time),
        }));
        let verdict = |medians: &Medians| {
            let reached = if line.is_reached(medians) { "reached" } else { "not reached" };
            [medians.factor_text(), reached.to_owned()]
        };
        let [factor, reached] = verdict(&line.first);
        cells.extend([factor, format!("{:.0} or {FLOOR_MS} ms: {reached}", line.goal)]);
        cells.extend([line.warm.ours, line.warm.fastest()].map(digits));
        cells.extend(verdict(&line.warm));
        rows.push(cells);
    }
    print::markdown(&rows)
}

const WIDTH: f64 = 900.0;
const LEFT: f64 = 190.0;
const BAR: f64 = 11.0;
const COLOURS: [&str; 7] =
    ["#0b6e4f", "#e0a800", "#3d6fb4", "#c8553d", "#7a5195", "#8c8c8c", "#b56576"];

/// The table as a picture: bars on a logarithmic scale of milliseconds.
#[must_use]
pub fn svg(title: &str, peers: &[&str], lines: &[Line]) -> String {
    let all =
        || lines.iter().flat_map(|line| line.first.peers.iter().chain([&line.first.ours])).copied();
    let low = 10f64.powf(all().fold(f64::INFINITY, f64::min).log10().floor());
    let high = 10f64.powf(all().fold(0.0, f64::max).log10().ceil());
    let place = |time: f64| LEFT + (time / low).ln() / (high / low).ln() * (WIDTH - LEFT - 70.0);
    let group = BAR * (peers.len() + 1) as f64 + 10.0;
    let height = 60.0 + group * lines.len() as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"10\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/><text x=\"8\" y=\"16\" \
         font-size=\"13\">{title}</text>"
    );
    let mut put = |text: String| out.push_str(&text);
    for (number, name) in ["tidemill"].iter().chain(peers).enumerate() {
        let x = 8.0 + 95.0 * number as f64;
        let colour = COLOURS[number % COLOURS.len()];
        put(format!(
            "<rect x=\"{x}\" y=\"24\" width=\"9\" height=\"9\" fill=\"{colour}\"/><text x=\"{}\" y=\"32\">{name}</text>",
            x + 13.0
        ));
    }
    let mut decade = low;
    while decade <= high * 1.001 {
        let x = place(decade);
        put(format!(
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"44\" y2=\"{height}\" stroke=\"#ddd\"/><text x=\"{x:.1}\" y=\"42\" \
             text-anchor=\"middle\" fill=\"#555\">{decade} ms</text>"
        ));
        decade *= 10.0;
    }
    for (number, line) in lines.iter().enumerate() {
        let top = 52.0 + group * number as f64;
        let middle = top + group / 2.0 - 4.0;
        put(format!(
            "<text x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            line.name
        ));
        for (bar, time) in [&line.first.ours].into_iter().chain(&line.first.peers).enumerate() {
            if time.is_nan() {
                continue;
            }
            let y = top + BAR * bar as f64;
            let end = place(*time).max(LEFT + 1.0);
            put(format!(
                "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{}\" fill=\"{}\"/><text x=\"{:.1}\" \
                 y=\"{:.1}\" font-size=\"9\">{}</text>",
                end - LEFT,
                BAR - 2.0,
                COLOURS[bar % COLOURS.len()],
                end + 3.0,
                y + BAR - 3.0,
                digits(*time)
            ));
        }
    }
    out.push_str("</svg>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(ours: f64, peers: &[f64], goal: f64) -> Line {
        let times = |time: &f64| Times { first: vec![*time], warm: vec![time / 4.0] };
        let sides = [ours].iter().chain(peers).map(times).collect();
        Line::new("a", goal, 1, "native".to_owned(), sides)
    }

    #[test]
    fn a_goal_is_reached_by_the_factor_or_the_floor() {
        let is_reached = |line: Line| line.is_reached(&line.first);
        assert!(is_reached(line(1.0, &[9.0, 5.0], 5.0)));
        assert!(!is_reached(line(1.0, &[9.0, 4.9], 5.0)));
        assert!(is_reached(line(0.3, &[0.4], 5.0)));
        // Who is alone is not faster than anyone.
        assert!(!is_reached(line(1.0, &[], 5.0)) && !is_reached(line(1.0, &[f64::NAN], 5.0)));
        let table = markdown(&["x", "y"], &[line(1.0, &[9.0, 4.9], 5.0)]);
        let cells = "| a | 1 | 1.00 | 9.00 | **4.90** | 4.9 | 5 or 0.35 ms: not reached | 0.250 | 1.23 | 4.9 | reached |";
        assert!(table.contains(cells), "{table}");
    }

    #[test]
    fn bars_are_as_long_as_the_logarithm() {
        let picture = svg("t", &["x"], &[line(0.1, &[100.0], 5.0)]);
        assert!(
            picture.contains("width=\"640.0\"") && picture.contains("width=\"1.0\""),
            "{picture}"
        );
    }
}
