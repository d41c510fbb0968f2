//! View and fleet as a frame. Colours are those of the terminal, so that it can be read on dark and on light.

use indicatif::HumanBytes;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row, Table, Wrap};

use super::Seen;
use super::list;
use super::view::{Tab, View};
use crate::text;

const NAME_WIDTH: usize = 14;

pub fn all(frame: &mut Frame<'_>, view: &mut View, seen: &Seen) {
    let [head, body, foot] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(tabs(view, seen), head);
    frame.render_widget(keys(view, seen), foot);
    let body = match view.tab {
        Tab::Fleet if view.open.is_none() => {
            let summary = summary(seen, body.width);
            let [above, below] = Layout::vertical([Constraint::Length(summary.len() as u16 + 1), Constraint::Fill(1)]).areas(body);
            frame.render_widget(Paragraph::new(summary), above);
            below
        }
        _ => body,
    };
    let rows = list::rows(view, seen);
    view.at = view.at.min(rows.len().saturating_sub(1));
    match (view.open, rows.get(view.at)) {
        (Some(from), Some(at)) => detail(frame, view, seen, *at, from, body),
        _ => table(frame, view, seen, &rows, body),
    }
}

fn quiet() -> Style {
    Style::default().fg(Color::DarkGray)
}

fn tabs(view: &View, seen: &Seen) -> Line<'static> {
    let bold = Style::default().add_modifier(Modifier::BOLD);
    let mut spans = vec![Span::styled("Mailferry ", bold)];
    for (number, tab) in (1..).zip(Tab::ALL) {
        let style = if tab == view.tab { Style::default().add_modifier(Modifier::REVERSED) } else { Style::default() };
        spans.extend([Span::styled(format!(" {number} {} ", tab.name()), style), Span::raw(" ")]);
    }
    // Last: a long name is cut off, and no list with it.
    spans.push(Span::raw(text::line(&seen.fleet.project)));
    Line::from(spans)
}

fn keys(view: &View, seen: &Seen) -> Line<'static> {
    if view.typing {
        return Line::from(format!("filter: {}_   Enter keeps it, Esc clears it", view.filter));
    }
    let filter = if view.filter.is_empty() { String::new() } else { format!("filter: {}  ", view.filter) };
    let words = match view.open {
        Some(_) => "arrows scroll, Esc goes back, q ends",
        None => "1-5 lists, arrows move, Enter opens, / filters, q ends",
    };
    let trouble = seen.fleet.troubles.first().map(|trouble| format!("  {}", text::line(trouble))).unwrap_or_default();
    Line::from(vec![Span::raw(filter), Span::styled(words, quiet()), Span::styled(trouble, Style::default().fg(Color::Red))])
}

fn summary(seen: &Seen, width: u16) -> Vec<Line<'static>> {
    let totals = &seen.fleet.totals;
    let figures = &totals.all.figures;
    let debts = totals.deletion_debts + totals.coverage_debts;
    let worries = figures.left_out + figures.bad_containers + totals.stalls + debts + totals.silent + totals.bad;
    let worry = if worries > 0 { Style::default().fg(Color::Yellow) } else { Style::default() };
    let of_agents = match totals.silent + totals.bad {
        0 => "all agents well".to_owned(),
        unwell => format!("{} not well", text::count(unwell, "agent")),
    };
    let mut lines = states(seen, width);
    lines.extend([
        bar(figures.answered, figures.containers, width),
        Line::from(pace(seen)),
        Line::from(copies(seen)),
        Line::from(Span::styled(
            format!(
                "{} waiting, {} owed, {} left out, {} bad containers; {of_agents}",
                text::number(totals.stalls),
                text::count(debts, "debt"),
                text::number(figures.left_out),
                text::number(figures.bad_containers)
            ),
            worry,
        )),
    ]);
    lines
}

/// How many mailboxes are in which state, in as many lines as that takes.
fn states(seen: &Seen, width: u16) -> Vec<Line<'static>> {
    let all = &seen.fleet.totals.all;
    let mut lines = vec![Line::from(format!("{}:", text::count(all.mailboxes, "mailbox")))];
    for (number, (state, count)) in (1..).zip(&all.states) {
        let style = list::colour_of(state).map_or_else(Style::default, |colour| Style::default().fg(colour));
        let comma = if number < all.states.len() { "," } else { "" };
        let told = Span::styled(format!("{} {state}{comma}", text::number(*count)), style);
        let last = lines.last().map_or(0, Line::width);
        if last + 1 + told.width() > usize::from(width) {
            lines.push(Line::from("   "));
        }
        if let Some(line) = lines.last_mut() {
            line.push_span(Span::raw(" "));
            line.push_span(told);
        }
    }
    lines
}

fn bar(done: u64, whole: u64, width: u16) -> Line<'static> {
    let told = format!(" {}/{} containers answered", text::number(done), text::number(whole));
    let room = usize::from(width).saturating_sub(told.chars().count() + 1).clamp(10, 60);
    let full = if whole == 0 { 0 } else { (done as u128 * room as u128 / u128::from(whole)) as usize };
    Line::from(vec![
        Span::styled("█".repeat(full), Style::default().fg(Color::Green)),
        Span::styled("░".repeat(room - full.min(room)), quiet()),
        Span::raw(told),
    ])
}

fn pace(seen: &Seen) -> String {
    let figures = &seen.fleet.totals.all.figures;
    let packed = format!("packed {}, {}", text::count(figures.items, "item"), HumanBytes(figures.bytes));
    match seen.rates {
        Some(rates) => {
            let over = rates.eta_s.map_or("unknown when".to_owned(), |eta_s| format!("answered in {}", list::short(eta_s * 1000)));
            format!("{packed}; {:.1} items/s, {}/s; {over}", rates.items, HumanBytes(rates.bytes as u64))
        }
        None => packed,
    }
}

fn copies(seen: &Seen) -> String {
    let pace = &seen.fleet.pace;
    let left = format!("{} first copies of move requests left", text::number(pace.left));
    match (pace.ready_per_hour, pace.eta_s) {
        (Some(per_hour), Some(eta_s)) => format!("{left}; {per_hour:.1} an hour, all in {}", list::short(eta_s * 1000)),
        _ => left,
    }
}

fn table(frame: &mut Frame<'_>, view: &mut View, seen: &Seen, rows: &[usize], area: Rect) {
    let columns = list::columns(view.tab);
    view.page = usize::from(area.height.saturating_sub(2)).max(1);
    let from = view.at / view.page * view.page;
    let on_screen = rows.iter().enumerate().skip(from).take(view.page);
    let made = on_screen.map(|(place, at)| {
        let (cells, style) = list::cells(view.tab, seen, *at);
        let style = if place == view.at { style.add_modifier(Modifier::REVERSED) } else { style };
        Row::new(cells).style(style)
    });
    let widths: Vec<Constraint> = columns.iter().map(|(_, width)| *width).collect();
    let head = Row::new(columns.iter().map(|(title, _)| *title)).style(quiet());
    let [table, below] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    frame.render_widget(Table::new(made, widths).header(head).column_spacing(1), table);
    let place = match rows.len() {
        0 => "nothing here".to_owned(),
        count => format!("{} of {}", text::number(view.at as u64 + 1), text::number(count as u64)),
    };
    frame.render_widget(Line::from(Span::styled(place, quiet())).right_aligned(), below);
}

fn detail(frame: &mut Frame<'_>, view: &mut View, seen: &Seen, at: usize, from: u16, area: Rect) {
    let (title, lines) = list::detail(view.tab, seen, at);
    let [head, body] = Layout::vertical([Constraint::Length(2), Constraint::Fill(1)]).areas(area);
    view.page = usize::from(body.height).max(1);
    view.open = Some(from.min((lines.len() as u16).saturating_sub(1)));
    frame.render_widget(Line::from(Span::styled(title, Style::default().add_modifier(Modifier::BOLD))), head);
    let line = |(name, value): &(String, String)| {
        let name = if name.is_empty() { String::new() } else { format!("{name:<NAME_WIDTH$} ") };
        Line::from(vec![Span::styled(name, quiet()), Span::raw(value.clone())])
    };
    let text: Vec<Line<'_>> = lines.iter().skip(usize::from(view.open.unwrap_or_default())).map(line).collect();
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }), body);
}
