//! What is shown, and what keys change of it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::Seen;
use super::list;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tab {
    #[default]
    Fleet,
    Mailboxes,
    Moves,
    Debts,
    Events,
}

impl Tab {
    pub const ALL: [Tab; 5] = [Tab::Fleet, Tab::Mailboxes, Tab::Moves, Tab::Debts, Tab::Events];

    pub fn name(self) -> &'static str {
        match self {
            Tab::Fleet => "Fleet",
            Tab::Mailboxes => "Mailboxes",
            Tab::Moves => "Moves",
            Tab::Debts => "Debts",
            Tab::Events => "Events",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    Stay,
    Leave,
}

#[derive(Default)]
pub struct View {
    pub tab: Tab,
    /// The row that is pointed at, of those that pass the filter.
    pub at: usize,
    /// Everything about that row is shown, from this line on.
    pub open: Option<u16>,
    pub filter: String,
    pub typing: bool,
    /// Rows that fit on the screen, as of the last frame.
    pub page: usize,
}

impl View {
    pub fn key(&mut self, key: KeyEvent, seen: &Seen) -> Turn {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Turn::Leave } else { Turn::Stay };
        }
        if self.typing {
            self.type_filter(key.code);
            return Turn::Stay;
        }
        match key.code {
            KeyCode::Char('q') => return Turn::Leave,
            KeyCode::Esc if self.open.is_some() => self.open = None,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Char('/') => (self.typing, self.open) = (true, None),
            KeyCode::Char(digit @ '1'..='5') => self.go(Tab::ALL[digit as usize - '1' as usize]),
            KeyCode::Tab | KeyCode::Right => self.go_by(1),
            KeyCode::BackTab | KeyCode::Left => self.go_by(Tab::ALL.len() - 1),
            KeyCode::Enter if self.open.is_none() && !list::rows(self, seen).is_empty() => self.open = Some(0),
            KeyCode::Enter | KeyCode::Backspace => self.open = None,
            code => self.step(code, list::rows(self, seen).len()),
        }
        Turn::Stay
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Char(letter) => self.filter.push(letter),
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Esc => (self.typing, self.filter) = (false, String::new()),
            KeyCode::Enter => self.typing = false,
            _ => {}
        }
        self.at = 0;
    }

    fn go(&mut self, tab: Tab) {
        if tab != self.tab {
            (self.tab, self.at, self.open) = (tab, 0, None);
            self.filter.clear();
        }
    }

    fn go_by(&mut self, steps: usize) {
        let at = Tab::ALL.iter().position(|tab| *tab == self.tab).unwrap_or_default();
        self.go(Tab::ALL[(at + steps) % Tab::ALL.len()]);
    }

    fn step(&mut self, code: KeyCode, rows: usize) {
        let page = self.page.max(1);
        let moved = |at: usize, last: usize| match code {
            KeyCode::Down | KeyCode::Char('j') => (at + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => (at + page).min(last),
            KeyCode::PageUp => at.saturating_sub(page),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            _ => at,
        };
        match &mut self.open {
            Some(line) => *line = moved(usize::from(*line), usize::from(u16::MAX) - page) as u16,
            None => self.at = moved(self.at, rows.saturating_sub(1)),
        }
    }
}
