//! What stands beside the messages of an account, at the source: the rights of others (ACL, RFC 4314), comments and other annotations of
//! folders (METADATA, RFC 5464).

use std::collections::BTreeMap;

use mailferry_core::model::{Beside, FolderPath};
use mailferry_core::ports::{Blast, SeenBeside, StoreError};
use mailferry_imap::{Command, ImapError, Response, Tag};

use super::rights::{Letters, Names};
use super::source::ImapSource;

/// Commands that are under way at a time.
const FOLDERS_AT_A_TIME: usize = 100;
/// Of one annotation, and of all of a folder: what a record holds.
const VALUE_BYTES_MAX: usize = 65_535;
const VALUES_BYTES_MAX: usize = 512 << 10;

/// What servers keep of their own beside what people wrote: counters, and special uses, which folders carry themselves.
const OF_SERVERS: [&str; 5] =
    ["/vendor/cmu/cyrus-imapd", "/vendor/cmu/cyrus-httpd", "/vendor/cmu/cyrus-jmap", "/vendor/vendor.dovecot", "/specialuse"];

impl ImapSource {
    pub(super) fn look_beside(&mut self) -> Result<Vec<SeenBeside>, StoreError> {
        let (acl, metadata) = (self.line.connection().has("ACL"), self.line.connection().has("METADATA"));
        if !acl && !metadata {
            return Ok(Vec::new());
        }
        self.quiet()?;
        let letters = Letters::of(self.line.connection());
        let selectable = self.known()?.by_path.iter().filter(|(_, folder)| folder.info.selectable && !folder.name.is_empty());
        let folders: Vec<(FolderPath, Vec<u8>)> = selectable.map(|(path, folder)| (path.clone(), folder.name.clone())).collect();
        let nothing = |(path, _): &(FolderPath, Vec<u8>)| SeenBeside {
            folder: path.clone(),
            beside: Beside::default(),
            all_rights: false,
            all_annotations: false,
            left: Vec::new(),
        };
        let mut seen: Vec<SeenBeside> = folders.iter().map(nothing).collect();
        // Rights of a folder are those that are said to be of it: answers may come in another order than questions.
        let by_name: BTreeMap<&[u8], usize> = folders.iter().enumerate().map(|(at, (_, name))| (name.as_slice(), at)).collect();
        let all: Vec<usize> = (0..folders.len()).collect();
        for some in all.chunks(FOLDERS_AT_A_TIME) {
            self.line.run(Blast::Mailbox, async |connection| {
                let mut asked: Vec<(usize, bool, Tag)> = Vec::new();
                for at in some {
                    let name = &folders[*at].1;
                    if acl {
                        asked.push((*at, true, connection.send(Command::new("GETACL").string(name)).await?));
                    }
                    if metadata {
                        let command = Command::new("GETMETADATA (DEPTH infinity)").string(name).text(" (/private /shared)");
                        asked.push((*at, false, connection.send(command).await?));
                    }
                }
                for (at, is_acl, tag) in &asked {
                    let each = |response| match response {
                        Response::Acl(acl) => {
                            if let Some(folder) = by_name.get(acl.folder.as_slice()) {
                                let rights = acl.rights.into_iter().map(|(who, shown)| (who, letters.read(&shown)));
                                seen[*folder].beside.rights.extend(rights);
                                seen[*folder].all_rights = true;
                            }
                        }
                        Response::Metadata(metadata) => {
                            if let Some(folder) = by_name.get(metadata.folder.as_slice()) {
                                take(&mut seen[*folder], metadata.entries);
                            }
                        }
                        _ => {}
                    };
                    // A folder whose rights are not ours to see has none that we could bring.
                    match connection.finish(tag, "look beside a folder", each).await {
                        Ok(_) => seen[*at].all_annotations |= !is_acl,
                        Err(error) => ImapError::unless_fatal(error)?,
                    }
                }
                Ok(())
            })?;
        }
        let names = Names::of(self.line.connection());
        for folder in &mut seen {
            folder.beside.rights.retain(|who, _| !self.owner.is(who));
            folder.beside.rights = names.added_up(std::mem::take(&mut folder.beside.rights));
        }
        Ok(seen)
    }
}

fn take(seen: &mut SeenBeside, entries: Vec<(String, Vec<u8>)>) {
    let mut bytes = 0;
    for (entry, value) in entries {
        let name = entry.to_ascii_lowercase();
        let below = name.strip_prefix("/shared").or_else(|| name.strip_prefix("/private")).unwrap_or_default();
        if OF_SERVERS.iter().any(|own| below == *own || below.strip_prefix(own).is_some_and(|rest| rest.starts_with(['/', '-']))) {
            continue;
        }
        bytes += value.len();
        if value.len() > VALUE_BYTES_MAX || bytes > VALUES_BYTES_MAX {
            bytes -= value.len();
            seen.left.push(format!("{entry} of {}, {} bytes", seen.folder, value.len()));
            continue;
        }
        seen.beside.annotations.insert(entry, Some(value));
    }
}
