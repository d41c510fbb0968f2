//! Many mailboxes, a page at a time, and one.

use indicatif::HumanBytes;
use maud::{Markup, html};

use super::moves::request;
use super::{Query, ago, around, date, number, state};
use crate::fleet::{Fleet, MailboxSeen};
use crate::text;

/// Of one page.
const ROWS: usize = 50;

type Key = fn(&MailboxSeen) -> u64;
/// Most first.
const ORDERS: [(&str, &str, Key); 4] = [
    ("way", "on their way", |mailbox| mailbox.figures.on_their_way()),
    ("items", "items", |mailbox| mailbox.figures.items),
    ("bytes", "bytes", |mailbox| mailbox.figures.bytes),
    ("left", "left out", |mailbox| mailbox.figures.left_out + mailbox.figures.bad_containers),
];

pub fn mailboxes(fleet: &Fleet, query: &Query) -> Markup {
    let chosen = chosen(fleet, query);
    let (rows, page, pages) = cut(&chosen, query);
    let inner = html! {
        (form(fleet, query))
        p.quiet { (text::count(chosen.len() as u64, "mailbox")) " of " (text::number(fleet.mailboxes.len() as u64)) }
        (table(fleet, rows))
        (paging(query, page, pages))
    };
    around(fleet, "/mailboxes", "Mailboxes", false, inner)
}

fn chosen<'a>(fleet: &'a Fleet, query: &Query) -> Vec<&'a MailboxSeen> {
    let [words, wanted, collection, order] = ["q", "state", "collection", "order"].map(|name| query.text(name));
    let words = words.to_lowercase();
    let is_wanted = |mailbox: &&MailboxSeen| {
        (words.is_empty() || mailbox.name.to_lowercase().contains(&words) || mailbox.id.starts_with(&words))
            && (wanted.is_empty() || mailbox.state == wanted)
            && (collection.is_empty() || mailbox.collection == collection)
    };
    let mut chosen: Vec<&MailboxSeen> = fleet.mailboxes.iter().filter(is_wanted).collect();
    if let Some((_, _, key)) = ORDERS.iter().find(|(name, _, _)| *name == order) {
        chosen.sort_by_key(|mailbox| std::cmp::Reverse(key(mailbox)));
    }
    chosen
}

/// The rows of the page that was asked for; the last page where there are not so many.
pub(super) fn cut<'a, T>(all: &'a [T], query: &Query) -> (&'a [T], usize, usize) {
    let pages = all.len().div_ceil(ROWS).max(1);
    let page = query.page().min(pages);
    let from = (page - 1) * ROWS;
    (&all[from..all.len().min(from + ROWS)], page, pages)
}

pub(super) fn paging(query: &Query, page: usize, pages: usize) -> Markup {
    html! {
        @if pages > 1 {
            p.paging {
                @if page > 1 { a href=(query.on_page(1)) { "first" } a href=(query.on_page(page - 1)) rel="prev" { "before" } }
                span { "page " (page) " of " (pages) }
                @if page < pages { a href=(query.on_page(page + 1)) rel="next" { "next" } a href=(query.on_page(pages)) { "last" } }
            }
        }
    }
}

fn form(fleet: &Fleet, query: &Query) -> Markup {
    let totals = &fleet.totals;
    html! {
        form.filter method="get" action="/mailboxes" {
            label { "Name " input type="search" name="q" value=(query.text("q")); }
            (select("state", "State", totals.all.states.keys().map(|name| (name.as_str(), name.as_str())), query))
            (select("collection", "Collection", totals.collections.keys().map(|name| (name.as_str(), name.as_str())), query))
            (select("order", "Most first", ORDERS.iter().map(|(name, title, _)| (*name, *title)), query))
            button { "Show" }
        }
    }
}

pub(super) fn select<'a>(name: &str, title: &str, options: impl Iterator<Item = (&'a str, &'a str)>, query: &Query) -> Markup {
    let chosen = query.text(name);
    html! {
        label { (title) " "
            select name=(name) {
                option value="" { "-" }
                @for (value, title) in options { option value=(value) selected[value == chosen] { (title) } }
            }
        }
    }
}

fn table(fleet: &Fleet, rows: &[&MailboxSeen]) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                th { "mailbox" } th { "state" } th.n { "answered" } th.n { "items" } th.n { "bytes" } th.n { "applied" } th.n { "left out" }
                th { "last taken" } th { "why it waits" }
            } }
            tbody { @for mailbox in rows {
                tr {
                    td { a href={ "/mailboxes/" (mailbox.id) } { (mailbox.name) } }
                    td { (state(&mailbox.state)) }
                    td.n { (mailbox.figures.answered) "/" (mailbox.figures.containers) }
                    (number(mailbox.figures.items))
                    td.n { (HumanBytes(mailbox.figures.bytes)) }
                    (number(mailbox.figures.applied))
                    (number(mailbox.figures.left_out))
                    td { (ago(fleet, mailbox.taken_ms)) }
                    td.why { (mailbox.why) }
                }
            } }
        } }
    }
}

pub fn mailbox(fleet: &Fleet, mailbox: &MailboxSeen) -> Markup {
    let figures = &mailbox.figures;
    let rows: Vec<(&str, String)> = vec![
        ("collection", mailbox.collection.clone()),
        ("priority", mailbox.priority.to_string()),
        ("id", mailbox.id.clone()),
        ("containers", format!("{} put out, {} answered, {} bad", figures.containers, figures.answered, figures.bad_containers)),
        ("packed", format!("{}, {} in containers", text::count(figures.items, "item"), HumanBytes(figures.bytes))),
        (
            "at the target",
            format!("{} applied, {} there already, {} found again", text::number(figures.applied), figures.already, figures.found),
        ),
        ("left out", text::count(figures.left_out, "item")),
        ("last published", date(mailbox.published_ms)),
        ("last compared with its store", date(mailbox.passed_ms)),
        ("last taken at the target", date(mailbox.taken_ms)),
        ("waits", mailbox.why.clone()),
    ];
    let inner = html! {
        p { (state(&mailbox.state)) }
        dl { @for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) { dt { (name) } dd { (value) } } }
        @if let Some(of) = fleet.request(mailbox) { (request(of)) } @else { p.quiet { "Without a move request: it is kept in step all the time." } }
    };
    around(fleet, "", &mailbox.name, false, inner)
}
