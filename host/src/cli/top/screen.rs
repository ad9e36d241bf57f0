//! The picture of `top`: a line of the whole, a bar for each core, one table.

use super::app::{App, Flow};
use super::figures::{percent, short, span};
use super::frame::{Core, Sample};
use super::tables::{Column, Side, Tab, Way};
use ratatui::Frame as Canvas;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Row, Table, TableState};

const BUS: Color = Color::Magenta;
const IO: Color = Color::Cyan;
const TASKS: Color = Color::Blue;

/// Cores get at most this part of the lines.
const CORES_PART: u16 = 3;

/// Draws everything.
pub fn draw(canvas: &mut Canvas<'_>, app: &App) {
    let area = canvas.area();
    let cores_lines = (app.sample.now.cores.len() as u16).min((area.height / CORES_PART).max(1));
    let [title, cores, tabs, table, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(cores_lines),
        Constraint::Length(1),
        Constraint::Min(2),
        Constraint::Length(1),
    ])
    .areas(area);
    canvas.render_widget(heading(app), title);
    canvas.render_widget(core_lines(&app.sample, cores), cores);
    canvas.render_widget(tab_line(app.tab), tabs);
    draw_table(canvas, app, table);
    let help = " q quit  Tab tasks/rings  ←→ sort by  r reverse  ↑↓ scroll  space hold";
    canvas.render_widget(Line::from(help).dim(), keys);
}

fn heading(app: &App) -> Line<'_> {
    let now = &app.sample.now;
    let mut spans = vec![
        " okernel ".bold().reversed(),
        Span::raw(format!(
            " {}  up {}  {} cores  {} tasks  {} rings",
            app.name,
            span(now.time_ns as f64 / 1e6),
            now.cores.len(),
            now.tasks_count,
            now.rings_count,
        )),
    ];
    if app.flow == Flow::Held {
        spans.push("  held".yellow().bold());
    }
    Line::from(spans)
}

fn core_lines(sample: &Sample, area: Rect) -> Text<'static> {
    let cores = &sample.now.cores;
    let room = usize::from(area.height);
    let shown = if cores.len() > room {
        room.saturating_sub(1)
    } else {
        cores.len()
    };
    let mut lines: Vec<Line> = cores[..shown]
        .iter()
        .map(|core| core_line(sample, core, area.width))
        .collect();
    if shown < cores.len() {
        lines.push(Line::from(format!(" and {} more cores", cores.len() - shown)).dim());
    }
    Text::from(lines)
}

fn core_line(sample: &Sample, core: &Core, width: u16) -> Line<'static> {
    let rate = sample.core(core.core);
    let parts = [(rate.bus, BUS), (rate.io, IO), (rate.tasks, TASKS)];
    let room = usize::from(width.saturating_sub(70)).clamp(8, 60);
    let mut spans = vec![Span::raw(format!(" core {:<3}", core.core)), Span::raw("▕")];
    let (mut drawn, mut sum) = (0, 0.0);
    for (share, colour) in parts {
        sum += share;
        let end = ((sum * room as f64).round() as usize).min(room);
        spans.push(Span::styled(
            "█".repeat(end - drawn),
            Style::new().fg(colour),
        ));
        drawn = end;
    }
    spans.push(Span::raw(" ".repeat(room - drawn)));
    spans.push(Span::raw(format!("▏{:>6}", percent(sum))));
    for ((share, colour), name) in parts.into_iter().zip(["bus", "io", "tasks"]) {
        spans.push(Span::styled(format!("  {name} "), Style::new().fg(colour)));
        spans.push(Span::raw(percent(share)));
    }
    spans.push(
        Span::raw(format!(
            "  {} tasks  {} msg/s",
            core.tasks,
            short(rate.messages)
        ))
        .dim(),
    );
    Line::from(spans)
}

fn tab_line(tab: Tab) -> Line<'static> {
    let one = |this: Tab, text: &'static str| {
        if this == tab {
            text.bold().reversed()
        } else {
            text.dim()
        }
    };
    Line::from(vec![
        Span::raw(" "),
        one(Tab::Tasks, " 1 tasks "),
        one(Tab::Rings, " 2 rings "),
    ])
}

/// Room beside each title for the arrow that shows the order.
const ARROW_WIDTH: u16 = 1;

/// Columns that have room in full, from the left, and the one that the rows are sorted by in any case.
fn fitting(columns: &[Column], sorted: usize, width: u16) -> Vec<(usize, Column)> {
    const SPACE: u16 = 1;
    let needs = |column: &Column| column.width + ARROW_WIDTH + SPACE;
    // No space is needed behind the last one.
    let mut room = (width + SPACE).saturating_sub(needs(&columns[sorted]));
    let mut fits = |column: &Column| {
        let left = room.checked_sub(needs(column));
        room = left.unwrap_or(0);
        left.is_some()
    };
    let columns = columns.iter().copied().enumerate();
    columns
        .filter(|(at, column)| *at == sorted || fits(column))
        .collect()
}

fn draw_table(canvas: &mut Canvas<'_>, app: &App, area: Rect) {
    let order = app.order();
    let columns = fitting(app.tab.columns(), order.column, area.width);
    let aligned = |text: String, side: Side| {
        let side = match side {
            Side::Left => Alignment::Left,
            Side::Right => Alignment::Right,
        };
        Cell::from(Text::from(text).alignment(side))
    };
    let heads = columns.iter().map(|(at, column)| {
        let arrow = match order.way {
            Way::Rising => "↑",
            Way::Falling => "↓",
        };
        if *at == order.column {
            aligned(format!("{}{arrow}", column.title), column.side)
                .style(Style::new().fg(Color::Cyan))
        } else {
            aligned(column.title.to_string(), column.side)
        }
    });
    let rows = app.rows().0.into_iter().map(|row| {
        let cells = columns.iter();
        Row::new(cells.map(|(at, column)| aligned(row[*at].clone(), column.side)))
    });
    let widths = columns.iter().map(|(_, column)| match column.side {
        Side::Left => Constraint::Min(column.width + ARROW_WIDTH),
        Side::Right => Constraint::Length(column.width + ARROW_WIDTH),
    });
    let table = Table::new(rows, widths)
        .header(Row::new(heads).add_modifier(Modifier::BOLD))
        .row_highlight_style(Modifier::REVERSED);
    let mut state = TableState::new().with_selected(app.row);
    canvas.render_stateful_widget(table, area, &mut state);
}

#[cfg(test)]
mod tests {
    use super::super::app::{App, Flow, Next};
    use super::super::frame::Frame;
    use super::super::tables::Tab;
    use super::draw;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent};
    use serde_json::json;

    fn frame(time_ns: u64, cpu_ms: f64) -> Frame {
        let cores: Vec<_> = (0..12)
            .map(|core| json!({"core": core, "tasks": 2, "tasks_ms": cpu_ms, "bus_ms": 0, "io_ms": 0}))
            .collect();
        let frame = json!({
            "version": 1, "time_ns": time_ns, "tasks_count": 2, "rings_count": 1, "cores": cores,
            "tasks": [
                {"task": 0, "name": "shell", "core": 0, "state": "waiting", "cpu_ms": 2, "memory": 1048576},
                {"task": 1, "name": "pump", "core": 1, "state": "running", "cpu_ms": cpu_ms, "weight": 100},
            ],
            "rings": [{"id": 4, "kind": "publisher", "ring": 4, "core": 1, "task": 1, "capacity": 65536, "lag": 32768, "name": "out"}],
        });
        Frame::read(&frame).unwrap()
    }

    fn app() -> App {
        let mut app = App::new("127.0.0.1:8001".to_string());
        app.take(frame(1_000_000_000, 0.0));
        app.take(frame(2_000_000_000, 500.0));
        app
    }

    fn shown(app: &App, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|canvas| draw(canvas, app)).unwrap();
        terminal.backend().to_string()
    }

    fn press(app: &mut App, code: KeyCode) -> Next {
        app.key(KeyEvent::from(code))
    }

    #[test]
    fn the_busy_are_seen_and_every_key_does_what_the_last_line_says() {
        let mut app = app();
        let text = shown(&app, 100, 30);
        for part in [
            "127.0.0.1:8001",
            "12 cores",
            "and 3 more cores",
            "50.0%",
            "CPU↓",
            "1.0 MiB",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        let place = |text: &str, word: &str| text.find(word).unwrap();
        assert!(place(&text, "pump") < place(&text, "shell"), "{text}");
        // No column is cut: those at the right go first, and never the one that the rows are sorted by.
        let narrow = shown(&app, 80, 30);
        assert!(
            narrow.contains("CPU↓") && narrow.contains("MEMORY"),
            "{narrow}"
        );
        assert!(!narrow.contains("VER"), "{narrow}");
        assert!(shown(&app, 30, 30).contains("CPU↓"));
        press(&mut app, KeyCode::Char('r'));
        let text = shown(&app, 100, 30);
        assert!(place(&text, "shell") < place(&text, "pump"), "{text}");
        press(&mut app, KeyCode::Tab);
        let text = shown(&app, 100, 30);
        assert!(
            text.contains("pump.out") && text.contains("32.0 KiB"),
            "{text}"
        );
        press(&mut app, KeyCode::Left);
        assert!(shown(&app, 100, 30).contains("READERS↓"));
        press(&mut app, KeyCode::Char(' '));
        app.take(frame(3_000_000_000, 5000.0));
        assert_eq!(app.flow, Flow::Held);
        assert!(shown(&app, 100, 30).contains("50.0%"));
        press(&mut app, KeyCode::Char('1'));
        press(&mut app, KeyCode::PageDown);
        assert_eq!((app.tab, app.row), (Tab::Tasks, 1));
        assert_eq!(press(&mut app, KeyCode::Char('x')), Next::Stay);
        assert_eq!(press(&mut app, KeyCode::Char('q')), Next::Quit);
    }

    #[test]
    fn no_screen_is_too_small() {
        let app = app();
        for (width, height) in [(1, 1), (3, 2), (20, 4), (40, 10), (400, 3)] {
            shown(&app, width, height);
        }
        shown(&App::new(String::new()), 80, 24);
    }
}
