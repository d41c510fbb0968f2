//! A request to an answer: no socket here, so that every page can be tried without one.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use mailferry_core::ports::Clock;
use mailferry_core::trouble::Trouble;
use mailferry_host::SystemClock;

use super::gate::{COOKIE, Gate};
use super::{metrics, pages};
use crate::commands::project::{self, ProjectFile};
use crate::fleet::{Fleet, History, Looker, Work, events};

/// Requests within so long see the same fleet.
const FRESH: Duration = Duration::from_secs(2);
const EVENTS_MAX: usize = 200;
const COOKIE_SECONDS: u64 = 12 * 3600;
pub const HTML: &str = "text/html; charset=utf-8";

/// A request, as far as it counts.
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub host: Option<String>,
    pub bearer: Option<String>,
    pub cookie: Option<String>,
    pub body: String,
}

pub struct Answer {
    pub status: StatusCode,
    pub kind: &'static str,
    pub body: String,
    pub location: Option<&'static str>,
    pub cookie: Option<String>,
}

impl Answer {
    fn of(kind: &'static str, body: String) -> Self {
        Answer { status: StatusCode::OK, kind, body, location: None, cookie: None }
    }

    pub fn refused(status: StatusCode, why: &str) -> Self {
        Answer { status, ..Answer::of("text/plain; charset=utf-8", format!("{why}\n")) }
    }

    fn page(status: StatusCode, page: maud::Markup) -> Self {
        Answer { status, ..Answer::of(HTML, page.into_string()) }
    }
}

pub struct App {
    gate: Gate,
    file: PathBuf,
    eye: Mutex<Eye>,
}

/// What looks at the fleet, and what it saw last.
struct Eye {
    looker: Looker,
    project_stamp: Option<(u64, std::time::SystemTime)>,
    history: History,
    seen: Option<(Instant, Arc<Fleet>)>,
    project_trouble: Option<String>,
}

impl App {
    pub fn new(file: &ProjectFile, gate: Gate) -> Result<Self, Trouble> {
        let looker = Looker::new(file.loaded()?);
        let eye = Eye { looker, project_stamp: stamp(&file.project), history: History::default(), seen: None, project_trouble: None };
        Ok(App { gate, file: file.project.clone(), eye: Mutex::new(eye) })
    }

    /// The fleet as it is, or was a moment ago.
    pub fn look(&self) -> Arc<Fleet> {
        self.eye(|eye| eye.look(&self.file))
    }

    fn eye<T>(&self, with: impl FnOnce(&mut Eye) -> T) -> T {
        with(&mut self.eye.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn answer(&self, asked: &Asked) -> Answer {
        if !self.gate.knows_host(asked.host.as_deref()) {
            return Answer::refused(
                StatusCode::FORBIDDEN,
                "this is not the host that was asked for; use http://localhost, or serve with a token",
            );
        }
        match (&asked.method, asked.path.as_str()) {
            (&Method::POST, "/login") => return self.login(asked),
            (&Method::GET | &Method::HEAD, "/healthz") => return Answer::of("text/plain; charset=utf-8", "ok\n".into()),
            (&Method::GET | &Method::HEAD, "/style.css") => return Answer::of("text/css; charset=utf-8", pages::STYLE.into()),
            (&Method::GET | &Method::HEAD, _) => {}
            _ => return Answer::refused(StatusCode::METHOD_NOT_ALLOWED, "nothing can be changed here"),
        }
        if self.gate.lets_in(asked.bearer.as_deref(), asked.cookie.as_deref()) {
            return self.shown(asked);
        }
        match asked.path.as_str() {
            "/metrics" => Answer::refused(StatusCode::UNAUTHORIZED, "give the token: Authorization: Bearer TOKEN"),
            _ => Answer::page(StatusCode::UNAUTHORIZED, pages::login(false)),
        }
    }

    fn login(&self, asked: &Asked) -> Answer {
        let given = pages::Query::of(&asked.body).text("token");
        let Some(cookie) = self.gate.cookie().filter(|_| self.gate.is_token(&given)) else {
            return Answer::page(StatusCode::UNAUTHORIZED, pages::login(true));
        };
        let cookie = format!("{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age={COOKIE_SECONDS}");
        Answer { status: StatusCode::SEE_OTHER, location: Some("/"), cookie: Some(cookie), ..Answer::of(HTML, String::new()) }
    }

    fn shown(&self, asked: &Asked) -> Answer {
        let fleet = self.look();
        let query = pages::Query::of(&asked.query);
        let page = match asked.path.as_str() {
            "/" => self.eye(|eye| pages::fleet(&fleet, &eye.history)),
            "/mailboxes" => pages::mailboxes(&fleet, &query),
            "/moves" => pages::moves(&fleet, &query),
            "/debts" => pages::debts(&fleet),
            "/events" => {
                let (told, unread) = events(&fleet.agents, EVENTS_MAX, &mut Work::default());
                pages::events(&fleet, &told, &unread)
            }
            "/metrics" => return Answer::of(metrics::KIND, metrics::text(&fleet)),
            path => match path.strip_prefix("/mailboxes/").and_then(|id| fleet.mailboxes.iter().find(|mailbox| mailbox.id == id)) {
                Some(mailbox) => pages::mailbox(&fleet, mailbox),
                None => return Answer::page(StatusCode::NOT_FOUND, pages::not_found(&fleet)),
            },
        };
        Answer::page(StatusCode::OK, page)
    }
}

impl Eye {
    fn look(&mut self, file: &std::path::Path) -> Arc<Fleet> {
        if let Some((_, fleet)) = self.seen.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return fleet.clone();
        }
        self.read_project(file);
        let mut fleet = self.looker.look(SystemClock.now_ms());
        self.history.add(&fleet);
        fleet.troubles.extend(self.project_trouble.clone());
        let fleet = Arc::new(fleet);
        self.seen = Some((Instant::now(), fleet.clone()));
        fleet
    }

    /// A project file that cannot be used any more is told; the fleet is shown as it was before.
    fn read_project(&mut self, file: &std::path::Path) {
        let now = stamp(file);
        if now == self.project_stamp {
            return;
        }
        self.project_stamp = now;
        self.project_trouble = match project::load(file) {
            Ok(project) => {
                self.looker.set_project(project);
                None
            }
            Err(findings) => {
                Some(format!("the project file cannot be used: {}", findings.first().map(ToString::to_string).unwrap_or_default()))
            }
        };
    }
}

fn stamp(file: &std::path::Path) -> Option<(u64, std::time::SystemTime)> {
    let about = std::fs::metadata(file).ok()?;
    Some((about.len(), about.modified().ok()?))
}

#[cfg(test)]
#[path = "app_tests.rs"]
mod tests;
