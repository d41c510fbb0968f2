//! The hostile server: correct without quirks, and each quirk really happens. T-numbers are those of the cases it plays.

mod appends;
mod bends;
mod connections;
mod model;

use mailferry_mailbed::hostile::{Armed, Hostile, Quirk, Setup};
use mailferry_mailbed::talk::{Answer, Talk, Value};

const MAIL: &[u8] = b"Subject: one\r\nMessage-ID: <1@example.com>\r\n\r\nbody\r\n";

fn hostile() -> Hostile {
    Hostile::start(Setup::default()).expect("a port")
}

fn talk(server: &Hostile) -> Talk {
    Talk::login(server.address(), "u", "secret").expect("a login")
}

fn with(quirk: impl Into<Armed>) -> (Hostile, Talk) {
    let server = hostile();
    server.arm(quirk);
    let talk = talk(&server);
    (server, talk)
}

/// With messages in INBOX, selected.
fn filled(messages: usize) -> (Hostile, Talk) {
    let server = hostile();
    for number in 1..=messages {
        server.world("u", |world| {
            world.add("INBOX", format!("Subject: {number}\r\nX-Number: {number}\r\n\r\nbody {number}\r\n").as_bytes(), &[])
        });
    }
    let mut talk = talk(&server);
    talk.ok("SELECT INBOX").expect("INBOX opens");
    (server, talk)
}

fn status_of(talk: &mut Talk, mail: &[u8]) -> String {
    talk.append("INBOX", "()", mail).expect("an answer").status
}

fn stored(server: &Hostile) -> usize {
    server.world("u", |world| world.create("INBOX").messages.len())
}

/// The items of the first FETCH response.
fn items(answer: &Answer) -> Vec<Value> {
    answer.all("FETCH").next().expect("a FETCH response")[2].list().to_vec()
}

fn item(answer: &Answer, name: &str) -> Option<Value> {
    Value::of(&items(answer), name).cloned()
}

fn happened(server: &Hostile, quirk: &Quirk) -> usize {
    server.happened().iter().filter(|happened| *happened == quirk).count()
}
