//! Messages from a seed, and what users do to a mailbox meanwhile, with the means of a mail client on a Maildir.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use mailferry_core::model::{Envelope, Flags, FolderInfo, FolderPath, InternalDate, ItemKey, Marks, Token};
use mailferry_core::ports::NewItem;
use mailferry_stores::{StoreUrl, open_target};

/// A small generator of numbers (splitmix64); the same seed tells the same story.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    pub fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len() as u64) as usize]
    }
}

/// Folders of a sample mailbox, and where a Maildir keeps them.
pub const FOLDERS: [(&[&str], &str); 4] =
    [(&["INBOX"], ""), (&["Sent"], ".Sent"), (&["Reisen", "Über Bord"], ".Reisen.&ANw-ber Bord"), (&["Archive", "2024"], ".Archive.2024")];

pub fn message(dice: &mut Dice, number: u64) -> Vec<u8> {
    let mut text = String::new();
    let _ = write!(text, "Message-ID: <{number}.{:x}@quay.example>\r\nFrom: pilot{}@quay.example\r\n", dice.below(u64::MAX), dice.below(9));
    let _ = write!(text, "To: crew@quay.example\r\nSubject: voyage {number}\r\n\r\n");
    match dice.below(4) {
        0 => text.push_str("From the quay on, a line that begins with From \nand no end of line"),
        1 => (0..dice.below(400)).for_each(|_| text.push_str(&format!("{:016x}{:016x}\r\n", dice.below(u64::MAX), dice.below(u64::MAX)))),
        2 => text.push_str(&"ebb and flow, ".repeat(dice.below(900) as usize)),
        _ => text.push_str("Grüße vom Kai\r\n.\r\n..\r\n"),
    }
    text.into_bytes()
}

fn envelope(dice: &mut Dice, number: u64) -> Envelope {
    let flags = [Flags::SEEN, Flags::ANSWERED, Flags::FLAGGED, Flags::DRAFT].into_iter().filter(|_| dice.below(2) == 0);
    let flags = flags.fold(Flags::NONE, Flags::with);
    let keywords = ["$Forwarded", "$Label2", "Fracht"].iter().filter(|_| dice.below(3) == 0).map(ToString::to_string).collect();
    let mut token = Token([0; 16]);
    token.0[..8].copy_from_slice(&number.to_be_bytes());
    let date = InternalDate { seconds: 1_500_000_000 + number as i64 * 977, ..InternalDate::default() };
    Envelope { token, key: ItemKey(Vec::new()), marks: Marks { flags, keywords }, date, sender: None }
}

/// Makes the mailbox of a store URL with `messages` messages in four folders.
pub fn fill(url: &str, seed: u64, messages: u64) {
    let mut dice = Dice::new(seed);
    let mut store = open_target(&StoreUrl::parse(url).expect("a store URL")).expect("a store");
    let path = |names: &[&str]| FolderPath(names.iter().map(ToString::to_string).collect());
    let folders: Vec<FolderPath> =
        FOLDERS.iter().map(|(names, _)| store.ensure_folder(&FolderInfo::plain(path(names))).expect("a folder")).collect();
    for number in 0..messages {
        let (bytes, envelope) = (message(&mut dice, number), envelope(&mut dice, number));
        let item = NewItem { envelope: &envelope, size: bytes.len() as u64 };
        store.append(dice.one_of(&folders), &item, &mut bytes.as_slice()).expect("an append");
    }
    store.flush().expect("a flush");
}

/// A user with a mail client, at work on a Maildir.
#[derive(Debug)]
pub struct User {
    root: PathBuf,
    dice: Dice,
    delivered: u64,
}

impl User {
    pub fn of(root: &Path, seed: u64) -> Self {
        User { root: root.into(), dice: Dice::new(seed), delivered: 0 }
    }

    /// A new message arrives in a folder.
    pub fn receive(&mut self) {
        self.delivered += 1;
        let folder = self.folder();
        let name = format!("17{:08}.M{}.quay", self.delivered, self.dice.below(1 << 40));
        let bytes = message(&mut self.dice, 1_000_000 + self.delivered);
        let (tmp, new) = (folder.join("tmp").join(&name), folder.join("new").join(&name));
        fs::write(&tmp, bytes).and_then(|()| fs::rename(tmp, new)).expect("a delivery");
    }

    /// One message is flagged, or not any more.
    pub fn mark(&mut self) {
        let Some(file) = self.message() else { return };
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (base, letters) = name.split_once(":2,").unwrap_or((name, ""));
        let letters = if letters.contains('F') { letters.replace('F', "") } else { format!("F{letters}") };
        let mut letters: Vec<char> = letters.chars().collect();
        letters.sort_unstable();
        let to = self.root_of(&file).join("cur").join(format!("{base}:2,{}", letters.into_iter().collect::<String>()));
        fs::rename(&file, to).expect("a new mark");
    }

    /// One message goes to another folder. Keywords are numbers of a folder's own list, so only a message without moves by renaming.
    pub fn refile(&mut self) {
        let Some(file) = self.message() else { return };
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name.split_once(":2,").is_some_and(|(_, letters)| letters.bytes().any(|letter| letter.is_ascii_lowercase())) {
            return;
        }
        let name = if name.contains(":2,") { name } else { format!("{name}:2,") };
        fs::rename(&file, self.folder().join("cur").join(name)).expect("a move");
    }

    /// One message is deleted for good.
    pub fn expunge(&mut self) {
        if let Some(file) = self.message() {
            fs::remove_file(file).expect("a deletion");
        }
    }

    pub fn work(&mut self) {
        self.receive();
        self.mark();
        self.refile();
        self.receive();
        self.expunge();
    }

    fn folder(&mut self) -> PathBuf {
        let folder = self.root.join(self.dice.one_of(&FOLDERS).1);
        // A Maildir is there before its directories are used: `new` and `tmp` come with the first delivery.
        ["cur", "new", "tmp"].iter().for_each(|sub| fs::create_dir_all(folder.join(sub)).expect("a folder"));
        folder
    }

    fn root_of(&self, file: &Path) -> PathBuf {
        file.parent().and_then(Path::parent).expect("a message lies in a folder's subfolder").to_path_buf()
    }

    /// Some message of the mailbox.
    fn message(&mut self) -> Option<PathBuf> {
        let mut files: Vec<PathBuf> = FOLDERS
            .iter()
            .flat_map(|(_, folder)| ["cur", "new"].map(|sub| self.root.join(folder).join(sub)))
            .filter_map(|dir| fs::read_dir(dir).ok())
            .flat_map(|entries| entries.map(|entry| entry.expect("an entry").path()))
            .collect();
        files.sort();
        let at = self.dice.below(files.len() as u64) as usize;
        (!files.is_empty()).then(|| files.swap_remove(at))
    }
}
