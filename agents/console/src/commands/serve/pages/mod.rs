//! The fleet for people. Everything shown is escaped by maud; styles are classes of `style.css`.
//!
//! ```text
//! query     what a form sends
//! fleet     agents, totals, charts
//! mailboxes many mailboxes, and one
//! moves     move requests
//! worries   debts and events
//! ```

mod fleet;
mod mailboxes;
mod moves;
mod query;
mod worries;

use indicatif::HumanDuration;
use maud::{DOCTYPE, Markup, html};

use crate::fleet::Fleet;
use crate::text;

pub use fleet::fleet;
pub use mailboxes::{mailbox, mailboxes};
pub use moves::moves;
pub use query::Query;
pub use worries::{debts, events};

pub const STYLE: &str = include_str!("style.css");

const PAGES: [(&str, &str); 5] =
    [("/", "Fleet"), ("/mailboxes", "Mailboxes"), ("/moves", "Moves"), ("/debts", "Debts"), ("/events", "Events")];

/// What is around every page. `here` is the path of the page.
fn around(fleet: &Fleet, here: &str, title: &str, again: bool, inner: Markup) -> Markup {
    let heading = format!("{title} - {} - Mailferry", fleet.project);
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&heading, again))
            body {
                header {
                    p.name { "Mailferry" span { (fleet.project) } }
                    nav {
                        @for (path, name) in PAGES {
                            a href=(path) aria-current=[(path == here).then_some("page")] { (name) }
                        }
                    }
                }
                main {
                    @if !fleet.troubles.is_empty() {
                        section.trouble { h2 { "Could not be read" } ul { @for trouble in &fleet.troubles { li { (trouble) } } } }
                    }
                    h1 { (title) }
                    (inner)
                }
                footer { "As of " (date(fleet.looked_ms)) ". Nothing can be changed here." }
            }
        }
    }
}

fn head(title: &str, again: bool) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            @if again { meta http-equiv="refresh" content="30"; }
            title { (title) }
            link rel="stylesheet" href="/style.css";
        }
    }
}

pub fn not_found(fleet: &Fleet) -> Markup {
    around(fleet, "", "There is no such page", false, html! { p { "It may have been a mailbox that the project does not name any more." } })
}

pub fn login(refused: bool) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head("Mailferry", false))
            body.login {
                main {
                    h1 { "Mailferry" }
                    form method="post" action="/login" {
                        label for="token" { "Token" }
                        input id="token" name="token" type="password" autocomplete="current-password" required autofocus;
                        button { "Look" }
                    }
                    @if refused { p.trouble { "This is not the token." } }
                }
            }
        }
    }
}

/// Empty where it has not happened.
fn date(ms: u64) -> String {
    if ms == 0 { String::new() } else { text::date((ms / 1000) as i64).replace('T', " ").replace('Z', " UTC") }
}

fn ago(fleet: &Fleet, ms: u64) -> String {
    if ms == 0 { String::new() } else { format!("{} ago", span_ms(fleet.looked_ms.saturating_sub(ms))) }
}

fn span_ms(ms: u64) -> String {
    HumanDuration(std::time::Duration::from_millis(ms)).to_string()
}

/// The class that colours a state.
fn class_of(state: &str) -> &'static str {
    match state {
        "Completed" | "InStep" => "good",
        "AutoSuspended" => "ready",
        "InProgress" | "CompletionInProgress" => "busy",
        "CompletedWithWarning" | "Retrying" | "Stalled" => "warn",
        "Failed" => "bad",
        _ => "idle",
    }
}

fn state(name: &str) -> Markup {
    html! { span class={ "state " (class_of(name)) } { (name) } }
}

/// Numbers in tables stand to the right.
fn number(number: u64) -> Markup {
    html! { td.n { (text::number(number)) } }
}
