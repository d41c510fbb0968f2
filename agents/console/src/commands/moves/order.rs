//! Orders left at the source nodes, and what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::{Duration, Instant};

use mailferry_core::engine::Fate;
use mailferry_core::model::Digest;
use mailferry_core::orders::{Order, What};
use mailferry_core::ports::Clock;
use mailferry_core::settings::{Mailbox, Project, Side};
use mailferry_core::trouble::Trouble;
use mailferry_host::{LocalShare, SystemClock};
use serde::Serialize;

use super::{fates, moves, wrong};
use crate::commands::project::ProjectFile;
use crate::exit::{Exit, complain};
use crate::screen::Screen;

const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub struct Which {
    #[command(flatten)]
    file: ProjectFile,
    /// Mailboxes of the project, by name
    #[arg(value_name = "MAILBOX", required_unless_present = "batch")]
    mailboxes: Vec<String>,
    /// All requests of this batch
    #[arg(long, value_name = "NAME", conflicts_with = "mailboxes")]
    batch: Option<String>,
    #[command(flatten)]
    sending: Sending,
}

#[derive(clap::Args)]
pub struct SuspendArgs {
    #[command(flatten)]
    pub which: Which,
    /// Why, for those who look later (SuspendComment)
    #[arg(long, alias = "SuspendComment", value_name = "TEXT")]
    pub comment: Option<String>,
}

#[derive(clap::Args)]
pub struct Sending {
    /// Wait so many seconds for the agent to carry it out, and say what became of it
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
}

/// One order and what is known of it.
#[derive(Serialize)]
struct Told {
    mailbox: String,
    order: &'static str,
    id: String,
    /// Nodes where it lies.
    nodes: Vec<String>,
    /// `waits`, `done` or `refused`.
    fate: &'static str,
    why: Option<String>,
}

pub fn find<'p>(project: &'p Project, name: &str) -> Option<&'p Mailbox> {
    project.mailboxes.iter().find(|mailbox| mailbox.name == name)
}

pub fn named(project: &Project, names: &[String]) -> anyhow::Result<Vec<Mailbox>> {
    let find = |name: &String| {
        find(project, name)
            .cloned()
            .ok_or_else(|| wrong(format!("the project has no mailbox `{name}`"), "`mailferry check` lists what it has"))
    };
    names.iter().map(find).collect()
}

/// The same order to every request that is meant.
pub fn to_all(which: &Which, what: &What, screen: &mut Screen) -> anyhow::Result<Exit> {
    let project = which.file.loaded()?;
    let mailboxes = match &which.batch {
        None => named(&project, &which.mailboxes)?,
        Some(batch) => {
            let ids: Vec<String> = moves(&project)?.requests.into_iter().filter(|of| of.batch == *batch).map(|of| of.mailbox).collect();
            let meant: Vec<Mailbox> = project.mailboxes.iter().filter(|of| ids.contains(&of.id.to_string())).cloned().collect();
            if meant.is_empty() {
                return Err(wrong(format!("no request belongs to batch `{batch}`"), "`mailferry moves list` shows the batches"));
            }
            meant
        }
    };
    let mailboxes = once_each(&project, mailboxes);
    let orders: Vec<(Mailbox, What)> = mailboxes.into_iter().map(|mailbox| (mailbox, what.clone())).collect();
    send(&project, &orders, &which.sending, screen)
}

/// An order to one part of what is moved as one is an order to both (R76): of two that are meant one is enough.
fn once_each(project: &Project, mailboxes: Vec<Mailbox>) -> Vec<Mailbox> {
    let Ok(moves) = moves(project) else { return mailboxes };
    let partner: BTreeMap<String, String> = moves.requests.into_iter().map(|of| (of.mailbox, of.partner)).collect();
    let mut meant = BTreeSet::new();
    let mut is_new = |mailbox: &Mailbox| {
        let id = mailbox.id.to_string();
        meant.extend(partner.get(&id).filter(|partner| !partner.is_empty() && !meant.contains(&id)).cloned());
        !meant.contains(&id)
    };
    mailboxes.into_iter().filter(|mailbox| is_new(mailbox)).collect()
}

pub fn send(project: &Project, orders: &[(Mailbox, What)], sending: &Sending, screen: &mut Screen) -> anyhow::Result<Exit> {
    let began = Instant::now();
    let mut told = Vec::new();
    for (number, (mailbox, what)) in orders.iter().enumerate() {
        told.push(leave(project, mailbox, what, number)?);
    }
    loop {
        let fates: BTreeMap<String, Fate> = fates(project).unwrap_or_default().into_iter().map(|fate| (fate.id.clone(), fate)).collect();
        for told in told.iter_mut().filter(|told| told.fate == "waits") {
            let Some(done) = fates.get(&told.id) else { continue };
            (told.fate, told.why) = (if done.refused.is_some() { "refused" } else { "done" }, done.refused.clone());
        }
        let waits = told.iter().any(|told| told.fate == "waits");
        if !waits || began.elapsed() >= Duration::from_secs(sending.wait) {
            break;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    report(&told, sending, screen)
}

fn report(told: &[Told], sending: &Sending, screen: &mut Screen) -> anyhow::Result<Exit> {
    if screen.json {
        screen.document(&told)?;
    } else {
        for Told { mailbox, order, nodes, fate, why, .. } in told {
            let what = format!("{mailbox}: {order}");
            match (*fate, why) {
                ("refused", why) => writeln!(screen, "{what} was refused\n  cause: {}", why.as_deref().unwrap_or_default())?,
                ("done", _) => writeln!(screen, "{what} is done")?,
                _ => writeln!(screen, "{what} is ordered at {}; the agent takes it in its next session", nodes.join(", "))?,
            }
        }
    }
    let undone = told.iter().any(|told| told.fate == "refused" || sending.wait > 0 && told.fate == "waits");
    Ok(if undone { Exit::Partly } else { Exit::Ok })
}

/// At every source node that can be reached: one is enough, and the others are for the case that it is lost.
fn leave(project: &Project, mailbox: &Mailbox, what: &What, number: usize) -> anyhow::Result<Told> {
    let now_ms = SystemClock.now_ms();
    let by = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_default();
    let id = Digest::of(format!("{:?} {} {number} {} {what:?}", std::time::SystemTime::now(), std::process::id(), mailbox.id).as_bytes());
    let order = Order::new(id, now_ms, by, mailbox.id, what.clone());
    let (mut nodes, mut failed) = (Vec::new(), Vec::new());
    for node in &project.topology.cluster(Side::Source).nodes {
        match order.leave(&LocalShare::new(node.share.clone())) {
            Ok(()) => nodes.push(node.name.clone()),
            Err(error) => failed.push(format!("{}: {error}", node.name)),
        }
    }
    let trouble = Trouble::new(format!("could not leave the order to {} the request of mailbox {}", what.name(), mailbox.name))
        .cause(failed.join("\n"));
    if nodes.is_empty() {
        return Err(trouble
            .now("nothing was ordered")
            .hint("mount the share of a source node here, and be allowed to write to NTA/ORDERS in it")
            .into());
    }
    if !failed.is_empty() {
        complain("warning", &trouble.now(format!("it lies at {}, which is enough", nodes.join(", "))).to_string());
    }
    Ok(Told { mailbox: mailbox.name.clone(), order: what.name(), id: order.id, nodes, fate: "waits", why: None })
}
