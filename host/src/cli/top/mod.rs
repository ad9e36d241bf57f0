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

use super::link::{Link, Target};
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

/// What `top` takes.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Print the tables once and leave
    #[arg(long)]
    once: bool,
}

/// Shows a kernel until `q`, or once.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if !args.once && !std::io::stdout().is_terminal() {
        bail!("top: there is no terminal; --once prints plain tables");
    }
    let mut link = args.target.open()?;
    link.send(&json!({"type": "subscribe", "id": SUBSCRIPTION, "ring": "stats", "rate": 10}))?;
    if args.once {
        let text = plain(&mut link)?;
        std::io::stdout().write_all(text.as_bytes())?;
    } else {
        let mut terminal = ratatui::try_init()?;
        let shown = live(&mut link, &mut terminal);
        ratatui::restore();
        shown?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The next frame, if one comes until that moment.
fn next_frame(link: &mut Link, until: Instant) -> anyhow::Result<Option<Frame>> {
    while let Some(message) = link.receive(until)? {
        match message["type"].as_str() {
            Some("data") => return Frame::read(&message["value"]).map(Some),
            Some("end") => bail!("the statistics have ended: {}", message["reason"]),
            Some("error") => bail!("{} refused: {}", link.name, message["message"]),
            _ => {}
        }
    }
    Ok(None)
}

fn live(link: &mut Link, terminal: &mut ratatui::DefaultTerminal) -> anyhow::Result<()> {
    let mut app = App::new(link.name.clone());
    loop {
        terminal.draw(|canvas| screen::draw(canvas, &app))?;
        if let Some(frame) = next_frame(link, Instant::now() + KEYS_EVERY)? {
            app.take(frame);
        }
        while event::poll(Duration::ZERO)? {
            if let Event::Key(key) = event::read()?
                && app.key(key) == Next::Quit
            {
                return Ok(());
            }
        }
    }
}

/// Three tables, from two frames.
fn plain(link: &mut Link) -> anyhow::Result<String> {
    let until = Instant::now() + PATIENCE;
    let mut frames = Vec::new();
    while frames.len() < 2 {
        match next_frame(link, until)? {
            Some(frame) => frames.push(frame),
            None => bail!("{} publishes no statistics", link.name),
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
