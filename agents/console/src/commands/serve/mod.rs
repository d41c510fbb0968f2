//! `serve`: the fleet as web pages and as metrics, to be looked at only.
//!
//! ```text
//! app      a request to an answer, without a socket
//! gate     who may look: loopback, or a token
//! http     sockets, headers, limits
//! metrics  the fleet for Prometheus
//! pages    the fleet for people
//! chart    drawings
//! ```
//!
//! The road not taken: buttons. Whoever may look need not be allowed to do anything; what is ordered is ordered by the other commands.

mod app;
mod chart;
mod gate;
mod http;
mod metrics;
mod pages;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use mailferry_core::trouble::Trouble;

use super::project::ProjectFile;
use crate::exit::Exit;
use crate::screen::Screen;
use app::App;
use gate::Gate;

pub use pages::STYLE;

/// Show the fleet as web pages, and as metrics for Prometheus
///
/// Pages: / (agents, totals), /mailboxes, /moves, /debts, /events; /metrics (OpenMetrics); /healthz. Nothing can be changed there. Without
/// a token only this machine may look. A token is read from --token-file or from the variable MAILFERRY_TOKEN, and asked for by the pages;
/// Prometheus sends it as `Authorization: Bearer`.
/// Exit codes: 0 ended by Ctrl-C, 1 failed, 2 wrong usage.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    file: ProjectFile,
    /// Address and port to listen at; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    listen: SocketAddr,
    /// File with the token that whoever looks must give; 16 characters at least
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let gate = Gate::open(args.token_file.as_deref(), args.listen)?;
    let app = App::new(&args.file, gate)?;
    let listening = std::net::TcpListener::bind(args.listen).and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) = listening.map_err(|error| {
        Trouble::new("could not listen").place(args.listen).cause(error).hint("name another address or port with --listen")
    })?;
    if screen.json {
        screen.document(&serde_json::json!({ "listening": format!("http://{address}/") }))?;
    } else {
        writeln!(screen, "http://{address}/ shows the fleet; Ctrl-C ends it")?;
    }
    screen.flush()?;
    http::serve(listener, app)?;
    Ok(Exit::Ok)
}
