//! What stands beside the messages of an account and is not brought over: the rights of others (ACL, RFC 4314), comments and other
//! annotations of folders (METADATA, RFC 5464). A rehearsal names it, so that nobody misses it afterwards (T27).

use mailferry_core::model::FolderPath;
use mailferry_core::ports::{Blast, StoreError};
use mailferry_imap::{Command, ImapError, Response, Tag};

use super::source::ImapSource;

/// Commands that are under way at a time.
const FOLDERS_AT_A_TIME: usize = 100;

impl ImapSource {
    pub(super) fn look_beside(&mut self) -> Result<Vec<String>, StoreError> {
        let (acl, metadata) = (self.line.connection().has("ACL"), self.line.connection().has("METADATA"));
        if !acl && !metadata {
            return Ok(Vec::new());
        }
        self.quiet()?;
        let selectable = self.known()?.by_path.iter().filter(|(_, folder)| folder.info.selectable && !folder.name.is_empty());
        let folders: Vec<(FolderPath, Vec<u8>)> = selectable.map(|(path, folder)| (path.clone(), folder.name.clone())).collect();
        let mut told = Vec::new();
        for some in folders.chunks(FOLDERS_AT_A_TIME) {
            self.line.run(Blast::Mailbox, async |connection| {
                let mut asked: Vec<(&FolderPath, Tag)> = Vec::new();
                for (path, name) in some {
                    if acl {
                        asked.push((path, connection.send(Command::new("GETACL").string(name)).await?));
                    }
                    if metadata {
                        let command = Command::new("GETMETADATA (DEPTH infinity)").string(name).text(" (/private /shared)");
                        asked.push((path, connection.send(command).await?));
                    }
                }
                for (path, tag) in &asked {
                    // A folder whose rights are not ours to see has none that we could bring.
                    let done = connection.finish(tag, "look beside a folder", |response| told.extend(lines(path, response))).await;
                    done.map(|_| ()).or_else(ImapError::unless_fatal)?;
                }
                Ok(())
            })?;
        }
        let own = [self.owner.as_str(), "owner"];
        let others =
            told.into_iter().filter(|(who, _)| !who.as_ref().is_some_and(|who| own.iter().any(|own| own.eq_ignore_ascii_case(who))));
        Ok(others.map(|(_, line)| line).collect())
    }
}

/// Whose right it is, where it is one, and what to say. Comments may be private: their text is not shown.
fn lines(path: &FolderPath, response: Response) -> Vec<(Option<String>, String)> {
    match response {
        Response::Acl(rights) => {
            rights.into_iter().map(|(who, rights)| (Some(who.clone()), format!("rights of {who} in {path}: {rights}"))).collect()
        }
        Response::Metadata(entries) => entries.into_iter().map(|entry| (None, format!("{entry} of {path}"))).collect(),
        _ => Vec::new(),
    }
}
