//! `okernel top [URL]`: the cores, tasks and rings of a running kernel, live or once.

mod app;
mod figures;
mod frame;
mod screen;
mod tables;

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use ratatui::crossterm::event::{self, Event};
use serde_json::json;

use super::remote::Remote;
use crate::web::client::{Client, Join};
use app::{App, Next};
use figures::{percent, short};
use frame::{Frame, Sample};
use tables::{Side, Tab};

/// The longest time between a key and what it does.
const KEYS_EVERY: Duration = Duration::from_millis(40);

/// How long the first frames may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The number of the subscription.
const SUBSCRIPTION: u64 = 1;

/// The most frames in a second.
const RATE: u32 = 10;

/// What `top` takes.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    remote: Remote,
    /// Print the tables once and leave
    #[arg(long)]
    once: bool,
}

/// Shows a kernel until `q`, or once.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if !args.once && !std::io::stdout().is_terminal() {
        bail!("top: there is no terminal; --once prints plain tables");
    }
    let target = args.remote.target()?;
    let mut feed = Feed {
        client: Client::connect(&target, Join::Console)?,
        name: target.to_string(),
    };
    let subscribe = json!({"type": "subscribe", "id": SUBSCRIPTION, "ring": "stats", "rate": RATE});
    feed.client.send(&subscribe)?;
    if args.once {
        let text = plain(&mut feed)?;
        std::io::stdout().write_all(text.as_bytes())?;
    } else {
        let mut terminal = ratatui::try_init()?;
        let shown = live(&mut feed, &mut terminal);
        ratatui::restore();
        shown?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The statistics of one kernel.
struct Feed {
    client: Client,
    name: String,
}

impl Feed {
    /// The next frame, if one comes until that moment.
    fn next(&mut self, until: Instant) -> anyhow::Result<Option<Frame>> {
        loop {
            let Some(message) = self.client.receive()? else {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(None);
                }
                self.client.wait(Some(left))?;
                continue;
            };
            match message["type"].as_str() {
                Some("data") => return Frame::read(&message["value"]).map(Some),
                Some("end") => bail!("the statistics have ended: {}", message["reason"]),
                Some("error") => bail!("{} refused: {}", self.name, message["message"]),
                _ => {}
            }
        }
    }
}

fn live(feed: &mut Feed, terminal: &mut ratatui::DefaultTerminal) -> anyhow::Result<()> {
    let mut app = App::new(feed.name.clone());
    let mut is_shown = false;
    loop {
        if !is_shown {
            terminal.draw(|canvas| screen::draw(canvas, &app))?;
            is_shown = true;
        }
        if let Some(frame) = feed.next(Instant::now() + KEYS_EVERY)? {
            app.take(frame);
            is_shown = false;
        }
        while event::poll(Duration::ZERO)? {
            // Another width is an event too.
            is_shown = false;
            if let Event::Key(key) = event::read()?
                && app.key(key) == Next::Quit
            {
                return Ok(());
            }
        }
    }
}

/// Three tables, from two frames.
fn plain(feed: &mut Feed) -> anyhow::Result<String> {
    let until = Instant::now() + PATIENCE;
    let mut frames = Vec::new();
    while frames.len() < 2 {
        match feed.next(until)? {
            Some(frame) => frames.push(frame),
            None => bail!("{} publishes no statistics", feed.name),
        }
    }
    let now = frames.remove(1);
    Ok(text(&Sample::between(&frames[0], now)))
}

fn text(sample: &Sample) -> String {
    let mut out = String::new();
    let now = &sample.now;
    let _ = writeln!(out, "CORE     CPU     BUS      IO   TASKS  COUNT    MSG/S");
    for core in &now.cores {
        let rate = sample.core(core.core);
        let [sum, bus, io, tasks] = [
            rate.bus + rate.io + rate.tasks,
            rate.bus,
            rate.io,
            rate.tasks,
        ]
        .map(percent);
        let messages = short(rate.messages);
        let _ = writeln!(
            out,
            "{:>4} {sum:>7} {bus:>7} {io:>7} {tasks:>7} {:>6} {messages:>8}",
            core.core, core.tasks
        );
    }
    for tab in [Tab::Tasks, Tab::Rings] {
        out.push('\n');
        let columns = tab.columns();
        let heads: Vec<String> = columns
            .iter()
            .map(|column| column.title.to_string())
            .collect();
        let rows = tab.rows(sample, tab.default_order()).0;
        for row in std::iter::once(&heads).chain(&rows) {
            let mut line = String::new();
            for (cell, column) in row.iter().zip(columns) {
                let width = usize::from(column.width);
                let _ = match column.side {
                    Side::Left => write!(line, "{cell:<width$}  "),
                    Side::Right => write!(line, "{cell:>width$}  "),
                };
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::frame::{Core, Frame, Sample, Task};

    #[test]
    fn the_plain_tables_have_a_line_for_each() {
        let core = Core::default();
        let task = Task {
            task: 7,
            name: "count".to_string(),
            ..Task::default()
        };
        let frame = Frame {
            cores: vec![core],
            tasks: vec![task],
            ..Frame::default()
        };
        let text = super::text(&Sample::between(&frame, frame.clone()));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 7, "{text}");
        assert!(lines[4].trim_start().starts_with("7  count"), "{text}");
        assert!(lines.iter().all(|line| !line.ends_with(' ')));
    }
}
