//! The Service Control Manager of Windows: it starts the agent by `service run`, and asks it to end.
//!
//! Installed are: start with the system, delayed, or by hand; a new start after a failure, 10 s, 1 min and 5 min later; time for the
//! session at work when the system goes down; a source of the event log. What a version of Windows does not know of that is a note, not a failure.
#![allow(unsafe_code)] // in what `define_windows_service!` writes

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use mailferry_core::settings::AgentKind;
use mailferry_core::trouble::Trouble;
use windows_service::service::{
    Service as Installed, ServiceAccess, ServiceAction, ServiceActionType, ServiceControl, ServiceControlAccept, ServiceErrorControl,
    ServiceExitCode, ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo, ServiceStartType, ServiceState, ServiceStatus,
    ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_service::{define_windows_service, service_dispatcher};

use super::{OURS, Standing, State, Wanted};
use crate::logs::event_log;
use crate::{AgentHome, Openers, Service};

/// Windows gives a session that long when the system goes down.
const ENDS_WITHIN: Duration = Duration::from_secs(120);
/// What a start or stop may take before the command gives up waiting.
const PATIENCE: Duration = Duration::from_secs(150);
const LOOK_EVERY: Duration = Duration::from_millis(100);

const NOT_INSTALLED: i32 = 1060;
const NOT_ACTIVE: i32 = 1062;
/// It is just starting, or ending already.
const TAKES_NO_CONTROL: i32 = 1061;
const UNKNOWN_TO_IT: i32 = 124;

/// Ends of a service in its own words: the session loop failed.
const FAILED: u32 = 1;

pub(super) fn usual_name(kind: AgentKind) -> String {
    match kind {
        AgentKind::Source => "MailferrySource",
        AgentKind::Transmission => "MailferryTransmission",
        AgentKind::Target => "MailferryTarget",
    }
    .into()
}

pub(super) fn shown(wanted: &Wanted) -> String {
    let arguments: Vec<_> = arguments(wanted).iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let account = wanted.account.as_deref().unwrap_or("LocalSystem");
    let start = if wanted.by_hand { "by hand" } else { "with the system, delayed" };
    format!(
        "name         {}\nshown as     {}\nprogram      {}\narguments    {}\naccount      {account}\nstarts       {start}\n",
        wanted.name,
        display_name(wanted),
        wanted.program.display(),
        arguments.join(" "),
    )
}

fn display_name(wanted: &Wanted) -> String {
    let usual = format!("Mailferry {} agent", wanted.kind);
    if wanted.name == usual_name(wanted.kind) { usual } else { format!("{usual} ({})", wanted.name) }
}

fn arguments(wanted: &Wanted) -> Vec<OsString> {
    let words = ["service", "run", "--name", &wanted.name, "--config"].map(OsString::from);
    words.into_iter().chain([wanted.config.clone().into_os_string()]).collect()
}

pub(super) fn install(wanted: &Wanted) -> Result<Vec<String>, Trouble> {
    let failed = |error: &windows_service::Error| {
        Trouble::new(format!("could not install service {}", wanted.name))
            .cause(said(error))
            .hint("run it as an administrator; --replace takes the place of one of that name")
    };
    let info = ServiceInfo {
        name: OsString::from(&wanted.name),
        display_name: OsString::from(display_name(wanted)),
        service_type: ServiceType::OWN_PROCESS,
        start_type: if wanted.by_hand { ServiceStartType::OnDemand } else { ServiceStartType::AutoStart },
        error_control: ServiceErrorControl::Normal,
        executable_path: wanted.program.clone(),
        launch_arguments: arguments(wanted),
        dependencies: Vec::new(),
        account_name: wanted.account.as_ref().map(OsString::from),
        account_password: wanted.account.as_ref().and_then(|_| std::env::var_os("MAILFERRY_SERVICE_PASSWORD")),
    };
    let manager = manager(ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE).map_err(|error| failed(&error))?;
    let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START;
    if wanted.replace && standing(&wanted.name)?.state != State::NotInstalled {
        uninstall(&wanted.name)?;
    }
    let service = manager.create_service(&info, access).map_err(|error| failed(&error))?;
    let mut notes = Vec::new();
    let mut note = |what: &str, done: windows_service::Result<()>| match done {
        Err(error) if code(&error) == Some(UNKNOWN_TO_IT) => notes.push(format!("this Windows does not know: {what}")),
        Err(error) => notes.push(format!("not set: {what}: {}", said(&error))),
        Ok(()) => {}
    };
    note("description", service.set_description(format!("Mailferry: {}", wanted.description())));
    if !wanted.by_hand {
        note("delayed start", service.set_delayed_auto_start(true));
    }
    note("new start after a failure", service.update_failure_actions(failure_actions()));
    note("new start after an error", service.set_failure_actions_on_non_crash_failures(true));
    note("time to end when the system goes down", service.set_preshutdown_timeout(ENDS_WITHIN));
    if let Err(error) = event_log::register(&wanted.name) {
        notes.push(format!("not set: source of the event log: {error}"));
    }
    Ok(notes)
}

fn failure_actions() -> ServiceFailureActions {
    let after = |delay| ServiceAction { action_type: ServiceActionType::Restart, delay: Duration::from_secs(delay) };
    ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(Duration::from_secs(86_400)),
        reboot_msg: None,
        command: None,
        actions: Some([10, 60, 300].map(after).to_vec()),
    }
}

pub(super) fn uninstall(name: &str) -> Result<(), Trouble> {
    let failed = |why: String| Trouble::new(format!("could not remove service {name}")).cause(why).hint("run it as an administrator");
    let access = ServiceAccess::QUERY_CONFIG | ServiceAccess::QUERY_STATUS | ServiceAccess::STOP | ServiceAccess::DELETE;
    let service = opened(name, access).map_err(|error| failed(said(&error)))?;
    let program = service.query_config().map_err(|error| failed(said(&error)))?.executable_path;
    if !program.to_string_lossy().to_lowercase().contains(OURS) {
        return Err(failed(format!("it is no service of Mailferry: {}", program.display())));
    }
    ended(&service).map_err(failed)?;
    service.delete().map_err(|error| failed(said(&error)))?;
    event_log::forget(name).map_err(|error| failed(format!("its source of the event log stays: {error}")))
}

pub(super) fn start(name: &str) -> Result<Standing, Trouble> {
    let failed = |why: String| {
        let trouble = Trouble::new(format!("could not start service {name}")).cause(why);
        trouble.hint("its log says more; so does the event log of Windows, under System")
    };
    let service = opened(name, ServiceAccess::QUERY_STATUS | ServiceAccess::START).map_err(|error| failed(said(&error)))?;
    service.start::<OsString>(&[]).map_err(|error| failed(said(&error)))?;
    match waited_for(&service, |state| matches!(state, ServiceState::Running | ServiceState::Stopped)).map_err(failed)? {
        status if status.current_state == ServiceState::Running => Ok(standing_of(name, &status)),
        status if status.current_state == ServiceState::Stopped => Err(failed(format!("it has ended: {}", how(&status)))),
        _ => Err(failed(format!("it does not run after {} s", PATIENCE.as_secs()))),
    }
}

pub(super) fn stop(name: &str) -> Result<Standing, Trouble> {
    let failed = |why: String| Trouble::new(format!("could not stop service {name}")).cause(why);
    let service = opened(name, ServiceAccess::QUERY_STATUS | ServiceAccess::STOP).map_err(|error| failed(said(&error)))?;
    ended(&service).map(|status| standing_of(name, &status)).map_err(failed)
}

fn ended(service: &Installed) -> Result<ServiceStatus, String> {
    let until = Instant::now() + PATIENCE;
    loop {
        match service.stop() {
            Err(error) if code(&error) == Some(TAKES_NO_CONTROL) && Instant::now() < until => std::thread::sleep(LOOK_EVERY),
            Err(error) if code(&error) != Some(NOT_ACTIVE) => return Err(said(&error)),
            _ => break,
        }
    }
    let status = waited_for(service, |state| state == ServiceState::Stopped)?;
    match status.current_state {
        ServiceState::Stopped => Ok(status),
        _ => Err(format!("its session has not ended within {} s", PATIENCE.as_secs())),
    }
}

/// The status once it is one of these, or when patience is over.
fn waited_for(service: &Installed, is_it: impl Fn(ServiceState) -> bool) -> Result<ServiceStatus, String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let status = service.query_status().map_err(|error| said(&error))?;
        if is_it(status.current_state) || Instant::now() >= until {
            return Ok(status);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

pub(super) fn standing(name: &str) -> Result<Standing, Trouble> {
    let failed = |error: &windows_service::Error| Trouble::new(format!("could not tell how service {name} is")).cause(said(error));
    match opened(name, ServiceAccess::QUERY_STATUS) {
        Err(error) if code(&error) == Some(NOT_INSTALLED) => {
            Ok(Standing { name: name.into(), state: State::NotInstalled, detail: String::new() })
        }
        Err(error) => Err(failed(&error)),
        Ok(service) => service.query_status().map(|status| standing_of(name, &status)).map_err(|error| failed(&error)),
    }
}

fn standing_of(name: &str, status: &ServiceStatus) -> Standing {
    let ended_badly = !matches!(status.exit_code, ServiceExitCode::Win32(0 | 1077));
    let state = match status.current_state {
        ServiceState::Stopped if ended_badly => State::Failed,
        ServiceState::Stopped => State::Stopped,
        ServiceState::StartPending => State::Starting,
        ServiceState::StopPending => State::Stopping,
        _ => State::Running,
    };
    let detail = match (state, status.process_id) {
        (State::Failed, _) => how(status),
        (_, Some(process)) if process != 0 => format!("process {process}"),
        _ => String::new(),
    };
    Standing { name: name.into(), state, detail }
}

fn how(status: &ServiceStatus) -> String {
    match status.exit_code {
        ServiceExitCode::Win32(code) => format!("error {code} of Windows"),
        ServiceExitCode::ServiceSpecific(code) => format!("exit code {code}; its log says why"),
    }
}

fn manager(access: ServiceManagerAccess) -> windows_service::Result<ServiceManager> {
    ServiceManager::local_computer(None::<&str>, access)
}

fn opened(name: &str, access: ServiceAccess) -> windows_service::Result<Installed> {
    manager(ServiceManagerAccess::CONNECT)?.open_service(name, access)
}

fn code(error: &windows_service::Error) -> Option<i32> {
    match error {
        windows_service::Error::Winapi(error) => error.raw_os_error(),
        _ => None,
    }
}

fn said(error: &windows_service::Error) -> String {
    match error {
        windows_service::Error::Winapi(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// What the Service Control Manager is told about this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling {
    handle: Option<ServiceStatusHandle>,
}

impl Telling {
    /// Nobody listens to what was not started by the manager.
    pub fn by_environment() -> Self {
        Telling { handle: None }
    }

    pub fn ready(self, _ended: &Arc<AtomicBool>) {
        self.tell(ServiceState::Running, ServiceExitCode::Win32(0), 0);
    }

    /// A service of Windows has no text.
    pub fn status(self, _text: &str) {}

    pub fn stopping(self) {
        self.tell(ServiceState::StopPending, ServiceExitCode::Win32(0), 1);
    }

    fn tell(self, state: ServiceState, exit_code: ServiceExitCode, checkpoint: u32) {
        let Some(handle) = self.handle else { return };
        let running = state == ServiceState::Running;
        let controls_accepted =
            if running { ServiceControlAccept::STOP | ServiceControlAccept::PRESHUTDOWN } else { ServiceControlAccept::empty() };
        let pending = matches!(state, ServiceState::StartPending | ServiceState::StopPending);
        let told = handle.set_service_status(ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state: state,
            controls_accepted,
            exit_code,
            checkpoint,
            wait_hint: if pending { ENDS_WITHIN } else { Duration::ZERO },
            process_id: None,
        });
        if let Err(error) = told {
            tracing::warn!(event = "service.not-told", "the service manager could not be told: {}", said(&error));
        }
    }
}

/// What the manager starts knows nothing else.
static STARTED: OnceLock<(AgentKind, Openers, PathBuf, String)> = OnceLock::new();

define_windows_service!(entry, started);

/// Hands this process to the manager, until it ends the service.
pub(super) fn run(kind: AgentKind, openers: Openers, config: PathBuf, name: String) -> Result<(), Trouble> {
    let _first = STARTED.set((kind, openers, config, name.clone()));
    service_dispatcher::start(&name, entry).map_err(|error| {
        let trouble = Trouble::new(format!("could not run service {name}")).cause(said(&error));
        trouble.hint("only the service manager starts this; in a terminal use `run --config FILE`")
    })
}

fn started(_arguments: Vec<OsString>) {
    let Some((kind, openers, config, name)) = STARTED.get() else { return };
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    let on_control = move |control| match control {
        ServiceControl::Stop | ServiceControl::Preshutdown | ServiceControl::Shutdown => {
            asked.store(true, Ordering::Relaxed);
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    let Ok(handle) = service_control_handler::register(name, on_control) else { return };
    let telling = Telling { handle: Some(handle) };
    telling.tell(ServiceState::StartPending, ServiceExitCode::Win32(0), 1);
    let service = Service {
        home: AgentHome::new(*kind, config.clone()),
        openers: openers.clone(),
        overrides: Vec::new(),
        to_terminal: false,
        name: Some(name.clone()),
    };
    let progress = told_while_ending(telling, stop.clone());
    let ended = service.run_until(&stop, telling);
    stop.store(true, Ordering::Relaxed);
    progress.0.store(true, Ordering::Relaxed);
    let _it_has_ended = progress.1.join();
    let exit_code = match ended {
        Ok(()) => ServiceExitCode::Win32(0),
        Err(trouble) => {
            service.tell_end(&trouble);
            ServiceExitCode::ServiceSpecific(FAILED)
        }
    };
    telling.tell(ServiceState::Stopped, exit_code, 0);
}

/// From the request to end until the end: the manager sees that something goes on.
fn told_while_ending(telling: Telling, stop: Arc<AtomicBool>) -> (Arc<AtomicBool>, std::thread::JoinHandle<()>) {
    let ended = Arc::new(AtomicBool::new(false));
    let over = ended.clone();
    let thread = std::thread::spawn(move || {
        let mut checkpoint = 1;
        while !over.load(Ordering::Relaxed) {
            if stop.load(Ordering::Relaxed) {
                checkpoint += 1;
                telling.tell(ServiceState::StopPending, ServiceExitCode::Win32(0), checkpoint);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    });
    (ended, thread)
}
