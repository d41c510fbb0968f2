use super::*;

/// xorshift64*: the same cases on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const PIECES: [&str; 24] = [
    "[Log]",
    "[log ] x",
    "[",
    "]",
    "=",
    " = ",
    ";",
    "#",
    "LogLevel",
    "loglevel",
    "Schlüssel",
    r"\\node1\in$",
    r"D:\new",
    "a;b#c\"d",
    " ",
    "\t",
    "\r",
    "\r\n",
    "\n",
    "\n",
    "\n",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
];

fn random_text(dice: &mut Dice) -> String {
    (0..dice.roll(40)).map(|_| dice.pick(&PIECES)).collect()
}

#[test]
fn a_file_that_was_only_read_is_written_back_byte_for_byte() {
    let mut dice = Dice(1);
    for _ in 0..5_000 {
        let text = random_text(&mut dice);
        assert_eq!(Ini::parse(&text).text(), text);
        let marked = format!("{UTF8_MARK}{text}").into_bytes();
        assert_eq!(Ini::read(&marked).map(|ini| ini.bytes()), Ok(marked));
    }
}

#[test]
fn setting_a_key_changes_that_key_and_nothing_else() {
    let mut dice = Dice(2);
    for _ in 0..5_000 {
        let before = Ini::parse(&random_text(&mut dice));
        let (section, key) = (dice.pick(&["", "LOG", "New"]), dice.pick(&["LogLevel", "Fresh"]));
        let mut after = before.clone();
        assert_eq!(after.set(section, key, r"D:\x;y"), Ok(()));
        assert_eq!(after.get(section, key).map(|entry| entry.value), Some(r"D:\x;y"));
        assert_eq!(Ini::parse(&after.text()), after, "what is in memory is what is on the disk");
        let others = |ini: &Ini| -> Vec<String> {
            let others = ini.entries().filter(|entry| !entry.is(section, key));
            others.map(|entry| format!("{}|{}|{}", entry.section, entry.key, entry.value)).collect()
        };
        assert_eq!(others(&after), others(&before), "{:?}", before.text());
        after.remove(section, key);
        assert_eq!(after.get(section, key), None);
        assert_eq!(others(&after), others(&before));
    }
}

#[test]
fn no_bytes_make_the_reader_fail_other_than_by_saying_why() {
    let mut dice = Dice(3);
    for _ in 0..5_000 {
        let bytes: Vec<u8> =
            (0..dice.roll(60)).map(|_| [0xff, 0xfe, 0xef, 0xbb, 0xbf, b'[', b'=', b'\n', 0x80, 0][dice.roll(10)]).collect();
        if let Ok(ini) = Ini::read(&bytes) {
            ini.oddities();
            assert_eq!(Ini::read(&ini.bytes()).map(|again| again.text()), Ok(ini.text()));
        }
    }
}

const TRICKY: &str = "\u{feff}[Paths]\r\n; where things are\r\nOut = D:\\new\\tables\\out\r\nIn=\\\\node1\\in$\r\nPassword = a;b#c\"d\r\nnonsense\r\n\
                      out = E:\\out\r\n[PATHS]\r\nExtra =\r\n= 5\r\n[Broken\r\nLast = 1";

#[test]
fn values_are_taken_literally() {
    let ini = Ini::read(TRICKY.as_bytes()).unwrap_or_default();
    let value = |key| ini.get("paths", key).map(|entry| (entry.line, entry.value));
    assert_eq!(value("In"), Some((4, r"\\node1\in$")));
    assert_eq!(value("password"), Some((5, "a;b#c\"d")));
    assert_eq!(value("OUT"), Some((7, r"E:\out")), "the last counts");
    assert_eq!(value("extra"), Some((9, "")));
    assert_eq!(value("Last"), Some((12, "1")), "a broken section header does not swallow what follows");
}

#[test]
fn each_odd_line_is_named_with_its_number() {
    let ini = Ini::read(TRICKY.as_bytes()).unwrap_or_default();
    let lines: Vec<String> = ini.oddities().into_iter().map(|oddity| format!("{}: {}", oddity.line, oddity.text)).collect();
    assert_eq!(
        lines,
        [
            "6: `nonsense` is ignored: there is no `=`",
            "7: out stands in line 3 too; this line counts",
            "10: `= 5` is ignored: there is no key before `=`",
            "11: `[Broken` is ignored: the bracket `]` is missing",
        ]
    );
}

#[test]
fn a_new_key_joins_its_section_and_keeps_line_ends_and_blank_lines() {
    let mut ini = Ini::parse("[A]\r\nx =  1  \r\n\r\n[B]\r\ny=2");
    assert_eq!(ini.set("a", "X", "9"), Ok(()));
    assert_eq!(ini.set("A", "z", "3"), Ok(()));
    assert_eq!(ini.set("B", "w", "4"), Ok(()));
    assert_eq!(ini.set("C", "v", "5"), Ok(()));
    assert_eq!(ini.text(), "[A]\r\nx =  9\r\nz = 3\r\n\r\n[B]\r\ny=2\r\nw = 4\r\n\r\n[C]\r\nv = 5\r\n");
}

#[test]
fn what_the_format_cannot_hold_is_refused() {
    let mut ini = Ini::default();
    for (section, key, value) in
        [("a]", "k", "v"), ("a", "", "v"), ("a", "k=", "v"), ("a", ";k", "v"), ("a", "[k", "v"), ("a", "k", "v\nx = 1"), ("a", "k", " v")]
    {
        assert!(ini.set(section, key, value).is_err(), "{section} {key} {value}");
    }
    assert_eq!(ini, Ini::default());
}
