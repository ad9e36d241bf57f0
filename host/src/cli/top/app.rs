//! What `top` shows now, and how keys change it.

use super::frame::{Frame, Sample};
use super::tables::{Order, Rows, Tab, Way};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Rows that a page key moves.
const PAGE_ROWS: usize = 15;

/// Whether frames change the picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    Live,
    Held,
}

/// What comes after a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    Stay,
    Quit,
}

/// The state of the screen.
#[derive(Debug)]
pub struct App {
    /// Who is looked at.
    pub name: String,
    pub tab: Tab,
    orders: [Order; 2],
    /// The row that is marked.
    pub row: usize,
    pub flow: Flow,
    last: Option<Frame>,
    pub sample: Sample,
}

impl App {
    pub fn new(name: String) -> App {
        App {
            name,
            tab: Tab::Tasks,
            orders: [Tab::Tasks.default_order(), Tab::Rings.default_order()],
            row: 0,
            flow: Flow::Live,
            last: None,
            sample: Sample::default(),
        }
    }

    /// A frame has come.
    pub fn take(&mut self, frame: Frame) {
        let before = self.last.replace(frame.clone());
        if self.flow == Flow::Live {
            let before = before.as_ref().unwrap_or(&frame);
            self.sample = Sample::between(before, frame.clone());
        }
    }

    /// How the shown table is sorted.
    pub fn order(&self) -> Order {
        self.orders[self.tab as usize]
    }

    /// The shown table's rows.
    pub fn rows(&self) -> Rows {
        self.tab.rows(&self.sample, self.order())
    }

    /// A key was pressed.
    pub fn key(&mut self, key: KeyEvent) -> Next {
        if key.kind == KeyEventKind::Release {
            return Next::Stay;
        }
        let columns = self.tab.columns().len();
        let last_row = self.rows().0.len().saturating_sub(1);
        let tab = self.tab;
        let order = &mut self.orders[tab as usize];
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Next::Quit;
            }
            KeyCode::Char('q') | KeyCode::Esc => return Next::Quit,
            KeyCode::Tab | KeyCode::BackTab => self.show(match tab {
                Tab::Tasks => Tab::Rings,
                Tab::Rings => Tab::Tasks,
            }),
            KeyCode::Char('1') => self.show(Tab::Tasks),
            KeyCode::Char('2') => self.show(Tab::Rings),
            KeyCode::Left | KeyCode::Char('<') => {
                order.column = (order.column + columns - 1) % columns;
            }
            KeyCode::Right | KeyCode::Char('>') => order.column = (order.column + 1) % columns,
            KeyCode::Char('r') | KeyCode::Enter => {
                order.way = match order.way {
                    Way::Rising => Way::Falling,
                    Way::Falling => Way::Rising,
                };
            }
            KeyCode::Char(' ' | 'p') => {
                self.flow = match self.flow {
                    Flow::Live => Flow::Held,
                    Flow::Held => Flow::Live,
                };
            }
            KeyCode::Up => self.row = self.row.saturating_sub(1),
            KeyCode::Down => self.row = (self.row + 1).min(last_row),
            KeyCode::PageUp => self.row = self.row.saturating_sub(PAGE_ROWS),
            KeyCode::PageDown => self.row = (self.row + PAGE_ROWS).min(last_row),
            KeyCode::Home => self.row = 0,
            KeyCode::End => self.row = last_row,
            _ => {}
        }
        Next::Stay
    }

    fn show(&mut self, tab: Tab) {
        if self.tab != tab {
            (self.tab, self.row) = (tab, 0);
        }
    }
}
