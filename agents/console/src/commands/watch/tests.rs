use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::view::Tab;
use super::*;
use crate::fleet::fixture::Fixture;

fn seen(mailboxes: usize) -> Seen {
    let (fleet, _) = Fixture::new(mailboxes).look();
    let event = |number: u64| Told {
        at: format!("2026-09-21T13:20:{number:02}.000Z"),
        is_error: number == 1,
        event: "container.held".into(),
        text: format!("could not place container {number}\n  cause: away\n  hint:  bring it back"),
        node: "SRC1".into(),
        agent: mailferry_core::settings::AgentKind::Source,
    };
    let rates = Rates { items: 12.34, bytes: 5_000_000.0, applied: 11.0, answered: 2.0, eta_s: Some(500) };
    Seen { fleet, rates: Some(rates), events: (0..3).map(event).collect() }
}

fn drawn(view: &mut View, seen: &Seen, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| draw::all(frame, view, seen)).expect("a frame");
    let buffer = terminal.backend().buffer();
    let line = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(line).collect::<Vec<_>>().join("\n")
}

const SIZES: [(u16, u16); 2] = [(80, 24), (160, 50)];

fn press(view: &mut View, seen: &Seen, codes: &[KeyCode]) {
    for code in codes {
        assert_eq!(view.key(KeyEvent::new(*code, KeyModifiers::NONE), seen), Turn::Stay, "{code:?}");
    }
}

#[test]
fn the_fleet_is_readable_at_80_by_24() {
    let screen = drawn(&mut View::default(), &seen(10_000), (80, 24));
    let lines: Vec<&str> = screen.lines().collect();
    assert_eq!(lines[0], "Mailferry  1 Fleet   2 Mailboxes   3 Moves   4 Debts   5 Events  fixture");
    assert_eq!(lines[1], "10,000 mailboxes: 833 AutoSuspended, 833 Completed, 833 Failed,");
    assert_eq!(lines[2], "    1,834 InProgress, 3,999 InStep, 834 Queued, 1 Stalled, 833 Suspended");
    assert!(lines[3].ends_with("░░ 39,000/40,000 containers answered") && lines[3].starts_with("█████"), "{screen}");
    assert_eq!(lines[4], "packed 59,995,000 items, 465.71 GiB; 12.3 items/s, 4.77 MiB/s; answered in 8m");
    assert_eq!(lines[5], "1,668 first copies of move requests left; 499.8 an hour, all in 3h");
    assert_eq!(lines[6], "1 waiting, 1 debt owed, 400 left out, 10 bad containers; 1 agent not well");
    assert_eq!(lines[8], "node       agent        role     epoch age    queue  debts waits last session");
    assert_eq!(lines[9], "SRC1       source       active   3     20s    17     1     1     completed");
    let held = lines.iter().find(|line| line.starts_with("TGT2       target")).expect("a row");
    assert!(held.contains("40m") && held.ends_with("held up: the wi"), "{screen}");
    assert_eq!(lines[23], "1-5 lists, arrows move, Enter opens, / filters, q ends");
}

#[test]
fn every_list_and_every_row_fits_any_screen_and_says_what_it_is() {
    let (seen, words) = (seen(60), ["last session", "why it waits", "message", "cause", "text"]);
    for size in SIZES {
        for (tab, word) in Tab::ALL.into_iter().zip(words) {
            let mut view = View { tab, ..View::default() };
            let screen = drawn(&mut view, &seen, size);
            assert!(screen.contains(word), "{tab:?} {size:?}\n{screen}");
            press(&mut view, &seen, &[KeyCode::Enter]);
            let detail = drawn(&mut view, &seen, size);
            assert!(view.open.is_some() && detail != screen && detail.contains("Esc goes back"), "{tab:?}\n{detail}");
            press(&mut view, &seen, &[KeyCode::PageDown, KeyCode::PageDown, KeyCode::Up, KeyCode::Esc]);
            assert_eq!(drawn(&mut view, &seen, size), screen, "and back");
        }
    }
    for size in [(1, 1), (10, 3), (20, 5), (80, 8)] {
        Tab::ALL.into_iter().for_each(|tab| drop(drawn(&mut View { tab, open: Some(0), ..View::default() }, &seen, size)));
        Tab::ALL.into_iter().for_each(|tab| drop(drawn(&mut View { tab, ..View::default() }, &seen, size)));
    }
}

#[test]
fn a_stall_is_told_with_its_reason_and_a_debt_with_its_cause() {
    let seen = seen(60);
    let mut view = View::default();
    press(&mut view, &seen, &[KeyCode::Enter]);
    let screen = drawn(&mut view, &seen, (80, 24));
    assert!(screen.contains("waits          user00003: the server says <NO> [INUSE] & closes"), "{screen}");
    assert!(screen.contains("copy queue to SRC2: 17 change sets of 90000 bytes wait"), "{screen}");
    press(&mut view, &seen, &[KeyCode::Char('4'), KeyCode::Enter]);
    let screen = drawn(&mut view, &seen, (80, 24));
    assert!(screen.contains("NTA/OUT/TGT1/x.prv on SRC2") && screen.contains("access denied <os error 5>"), "{screen}");
    press(&mut view, &seen, &[KeyCode::Tab, KeyCode::Enter]);
    assert!(drawn(&mut view, &seen, (80, 24)).contains("hint:  bring it back"));
}

#[test]
fn keys_move_among_ten_thousand_and_a_filter_finds_one() {
    let seen = seen(10_000);
    let mut view = View::default();
    press(&mut view, &seen, &[KeyCode::Char('2')]);
    drawn(&mut view, &seen, (80, 24));
    press(&mut view, &seen, &[KeyCode::PageDown, KeyCode::Down]);
    assert_eq!(view.at, view.page + 1);
    let screen = drawn(&mut view, &seen, (80, 24));
    assert!(screen.contains(&format!("{} of 10,000", view.at + 1)) && screen.contains("user00021"), "{screen}");
    press(&mut view, &seen, &[KeyCode::End]);
    assert!(drawn(&mut view, &seen, (80, 24)).contains("user09999"));
    press(&mut view, &seen, &[KeyCode::Char('/')]);
    press(&mut view, &seen, &"user04711".chars().map(KeyCode::Char).collect::<Vec<_>>());
    assert!(drawn(&mut view, &seen, (80, 24)).contains("filter: user04711_"));
    press(&mut view, &seen, &[KeyCode::Enter, KeyCode::Enter]);
    let screen = drawn(&mut view, &seen, (80, 24));
    assert!(screen.contains("user04711") && screen.contains("5,711 items"), "{screen}");
    press(&mut view, &seen, &[KeyCode::Esc, KeyCode::Esc]);
    assert!(drawn(&mut view, &seen, (80, 24)).contains("of 10,000"));
}

#[test]
fn q_and_control_c_leave_and_nothing_else_does() {
    let seen = seen(3);
    let key = |view: &mut View, code, modifiers| view.key(KeyEvent::new(code, modifiers), &seen);
    let mut view = View::default();
    assert_eq!(key(&mut view, KeyCode::Char('q'), KeyModifiers::NONE), Turn::Leave);
    assert_eq!(key(&mut view, KeyCode::Char('c'), KeyModifiers::CONTROL), Turn::Leave);
    assert_eq!(key(&mut view, KeyCode::Char('c'), KeyModifiers::NONE), Turn::Stay);
    view.typing = true;
    assert_eq!(key(&mut view, KeyCode::Char('q'), KeyModifiers::NONE), Turn::Stay, "a letter of the filter");
    assert_eq!(view.filter, "q");
    assert_eq!(key(&mut view, KeyCode::Char('c'), KeyModifiers::CONTROL), Turn::Leave);
}

#[test]
fn nothing_that_steers_a_terminal_reaches_it() {
    let mut seen = seen(3);
    seen.fleet.mailboxes[0].why = "\u{1b}[2Jgone\u{202e}x".into();
    seen.events[0].text = "a\u{1b}]0;title\u{7}b".into();
    for tab in [Tab::Mailboxes, Tab::Events] {
        let mut view = View { tab, ..View::default() };
        let list = drawn(&mut view, &seen, (160, 50));
        view.open = Some(0);
        let detail = drawn(&mut view, &seen, (160, 50));
        for screen in [list, detail] {
            assert!(!screen.contains(['\u{1b}', '\u{7}', '\u{202e}']) && screen.contains("\\u{1b}"), "{screen}");
        }
    }
}
