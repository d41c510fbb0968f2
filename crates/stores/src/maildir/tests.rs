use std::fs;
use std::path::PathBuf;

use mailferry_core::model::FolderPath;
use mailferry_core::ports::{MailSource, MailTarget};

use super::{MaildirSource, MaildirTarget, layout};
use crate::conformance::{self, Bench};

struct Disk(tempfile::TempDir);

impl Disk {
    fn dir(&self, folder: &FolderPath) -> PathBuf {
        layout::target_dir(self.0.path(), folder).expect("a folder").join("cur")
    }
}

impl Bench for Disk {
    fn name(&self) -> String {
        "Maildir++".into()
    }

    fn target(&self) -> Box<dyn MailTarget> {
        Box::new(MaildirTarget::open(self.0.path()).expect("opened"))
    }

    fn source(&self) -> Box<dyn MailSource> {
        Box::new(MaildirSource::open(self.0.path()).expect("opened"))
    }

    fn client_marks_seen(&self, folder: &FolderPath) -> bool {
        let entry = fs::read_dir(self.dir(folder)).expect("a directory").next().expect("an item").expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned() + "S";
        fs::rename(entry.path(), entry.path().with_file_name(name)).is_ok()
    }

    fn client_empties(&self, folder: &FolderPath) -> bool {
        fs::read_dir(self.dir(folder)).expect("a directory").all(|entry| fs::remove_file(entry.expect("an entry").path()).is_ok())
    }
}

#[test]
fn maildir_keeps_every_law_of_the_ports() {
    conformance::run(|| Box::new(Disk(tempfile::tempdir().expect("a temporary directory"))));
}
