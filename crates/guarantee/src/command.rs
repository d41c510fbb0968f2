//! A command that prints our JSON: for ZFS, DRBD, Ceph, backup tools, whatever can tell how far a copy is (R77).

use std::time::Duration;

use mailferry_command::output_of;
use mailferry_rules::guarantee::Copy;

use crate::answer;
use crate::place::filled;
use crate::provider::Provider;

pub struct CommandProvider {
    pub program: String,
    pub arguments: Vec<String>,
    /// Arguments of the same program with which it brings what is committed to the copies now.
    pub roll: Option<Vec<String>>,
    pub patience: Duration,
}

impl CommandProvider {
    fn say(&self, arguments: &[String], store: &str) -> Result<String, String> {
        let arguments: Result<Vec<String>, String> = arguments.iter().map(|argument| filled(argument, store)).collect();
        output_of(&self.program, &arguments?, self.patience)
    }
}

impl Provider for CommandProvider {
    fn copies(&self, store: &str) -> Result<Vec<Copy>, String> {
        let said = self.say(&self.arguments, store)?;
        answer::read(&said).map_err(|why| format!("{} says {why}", self.program))
    }

    fn roll(&self, store: &str) -> Result<(), String> {
        self.roll.as_ref().map_or(Ok(()), |arguments| self.say(arguments, store).map(drop))
    }
}
