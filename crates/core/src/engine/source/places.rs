//! At which store and which server the ends of a mailbox lie, for the limits of requests under way (R81).
//!
//! Of an address of a server both are its host and port. Of a mailbox on disk the store is the folder it lies in; it has no server.

use mailferry_rules::moves::Place;

use crate::engine::agent::Mailbox;

pub(super) fn place_of(mailbox: &Mailbox) -> Place {
    let ((source_store, source_server), (target_store, target_server)) = (ends(&mailbox.source), ends(&mailbox.target));
    Place { source_store, source_server, target_store, target_server }
}

fn ends(url: &str) -> (String, String) {
    if let Some((_, rest)) = url.split_once("://") {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
        return (host.clone(), host);
    }
    let path = url.split_once(':').map_or(url, |(_, path)| path).trim_end_matches(['/', '\\']);
    let store = path.rsplit_once(['/', '\\']).map_or("", |(folder, _)| folder);
    (store.to_owned(), String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_its_host_and_a_store_on_disk_the_folder_of_its_mailboxes() {
        for (url, store, server) in [
            ("imaps://alice%40x@Mail.example.org:993/?tls=off", "mail.example.org:993", "mail.example.org:993"),
            ("imap://bob@10.0.0.1:143", "10.0.0.1:143", "10.0.0.1:143"),
            ("maildir:/var/mail/alice", "/var/mail", ""),
            ("maildir:/var/mail/alice/", "/var/mail", ""),
            ("mboxrd:C:\\Mail\\alice", "C:\\Mail", ""),
            ("sim:alice", "", ""),
        ] {
            assert_eq!(ends(url), (store.to_owned(), server.to_owned()), "{url}");
        }
    }
}
