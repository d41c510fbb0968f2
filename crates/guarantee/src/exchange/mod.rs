//! Exchange: `Get-MailboxDatabaseCopyStatus` (R77).
//!
//! On Windows asked through PowerShell; the answer is read as CSV, which every PowerShell that Exchange knows can write, with
//! times in UTC. Another command may bring what somebody else's script prints: a list (`Format-List`), CSV or JSON.

mod rows;
mod status;
mod times;

use std::collections::BTreeMap;
use std::time::Duration;

use mailferry_command::output_of;
use mailferry_rules::guarantee::Copy;

use crate::place::filled;
use crate::provider::Provider;

pub struct Exchange {
    pub database: String,
    /// Program and arguments that print the status of all copies of the database.
    pub command: Vec<String>,
    /// Site of each server, for an answer that does not say.
    pub sites: BTreeMap<String, String>,
    /// Of times without a zone, in minutes east of UTC. Without it they are not known.
    pub utc_offset_min: Option<i32>,
    pub patience: Duration,
}

impl Exchange {
    /// Through PowerShell on a server or an admin's machine with the management tools.
    pub fn by_powershell(database: &str) -> Vec<String> {
        let script = SCRIPT.replace("DATABASE", &database.replace('\'', "''"));
        let script = script.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", &script].map(String::from).into()
    }
}

/// Each statement ends in `;` or within braces: it becomes one line.
const SCRIPT: &str = include_str!("copies.ps1");

impl Provider for Exchange {
    fn copies(&self, store: &str) -> Result<Vec<Copy>, String> {
        let (program, arguments) = self.command.split_first().ok_or("no command")?;
        let arguments: Result<Vec<String>, String> = arguments.iter().map(|argument| filled(argument, store)).collect();
        self.read(&output_of(program, &arguments?, self.patience)?)
    }
}

impl Exchange {
    pub(crate) fn read(&self, said: &str) -> Result<Vec<Copy>, String> {
        let rows = rows::read(said)?;
        if rows.is_empty() {
            return Err("Get-MailboxDatabaseCopyStatus names no copy".into());
        }
        rows.iter().map(|row| status::copy(row, self)).collect()
    }
}

#[cfg(test)]
mod tests;
