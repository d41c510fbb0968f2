//! The limit that clients are measured by copies everything.

use mailferry_mailbed::compare::compare;
use mailferry_mailbed::hostile::{Hostile, Setup};
use mailferry_mailbed::raw_copy::copy_user;
use mailferry_mailbed::talk::Talk;

#[test]
fn every_message_arrives_with_its_marks_in_as_few_commands_as_a_mib_allows() {
    let [source, target] = [(); 2].map(|()| Hostile::start(Setup::default()).expect("a port"));
    source.world("u", |world| {
        for (number, size) in [(1, 10), (2, 2 << 20), (3, 600_000), (4, 600_000), (5, 0)] {
            let mail = [format!("Subject: {number}\r\n\r\n").as_bytes(), &vec![b'x'; size], b"\r\n"].concat();
            world.add("a", &mail, if number == 3 { &[] } else { &["\\Seen", "Work"] });
            world.add("b/c", &mail, &[]);
        }
        world.create("empty");
    });
    assert_eq!(copy_user(source.address(), target.address(), "u", "x").expect("copied"), 10);
    let [mut one, mut other] = [&source, &target].map(|server| Talk::login(server.address(), "u", "x").expect("a login"));
    let report = compare(&mut one, &mut other).expect("both are read");
    assert!(report.is_clean(), "{report}");
    let appends = target.commands().iter().filter(|line| line.contains("APPEND")).count();
    assert_eq!(appends, 6, "{:#?}", target.commands());
}
