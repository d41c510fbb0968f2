use std::fs;
use std::path::PathBuf;

use mailferry_core::model::FolderPath;
use mailferry_core::ports::{MailSource, MailTarget};

use super::{MboxSource, MboxTarget, folders};
use crate::conformance::{self, Bench};

struct Disk(tempfile::TempDir);

impl Disk {
    fn file(&self, folder: &FolderPath) -> PathBuf {
        folders::target_file(self.0.path(), folder).expect("a folder")
    }
}

impl Bench for Disk {
    fn name(&self) -> String {
        "mbox".into()
    }

    fn target(&self) -> Box<dyn MailTarget> {
        Box::new(MboxTarget::open(self.0.path()).expect("opened"))
    }

    fn source(&self) -> Box<dyn MailSource> {
        Box::new(MboxSource::open(self.0.path(), None).expect("opened"))
    }

    fn client_marks_seen(&self, folder: &FolderPath) -> bool {
        let text = fs::read_to_string(self.file(folder)).expect("readable");
        fs::write(self.file(folder), text.replacen("Status: O", "Status: RO\nX-UID: 1", 1)).is_ok()
    }

    fn client_empties(&self, folder: &FolderPath) -> bool {
        fs::write(self.file(folder), "").is_ok()
    }
}

#[test]
fn mbox_keeps_every_law_of_the_ports() {
    conformance::run(|| Box::new(Disk(tempfile::tempdir().expect("a temporary directory"))));
}
