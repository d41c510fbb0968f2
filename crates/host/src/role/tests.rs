//! The reader: what is asked when, and what a sleeper hears.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;

/// An origin that says what the test says.
#[derive(Default)]
struct Told {
    role: Mutex<Option<Role>>,
    sign: Mutex<Sign>,
    /// The sign that comes while it is asked.
    comes: Mutex<Option<Sign>>,
    asked: AtomicUsize,
    /// What an answer takes, and what all of them have taken.
    takes: Duration,
    taken: Mutex<Duration>,
}

impl Origin for Arc<Told> {
    fn ask(&self) -> Answer {
        self.asked.fetch_add(1, Ordering::Relaxed);
        *self.taken.lock().unwrap() += self.takes;
        if let Some(sign) = self.comes.lock().unwrap().take() {
            *self.sign.lock().unwrap() = sign;
        }
        Answer { role: self.role.lock().unwrap().clone().unwrap_or(Role::Active), kept: Kept::UntilTheSign }
    }

    fn sign(&self) -> Sign {
        self.sign.lock().unwrap().clone()
    }
}

#[test]
fn a_held_answer_is_not_asked_for_again_until_its_sign_changes() {
    let told = Arc::new(Told::default());
    let reader = RoleReader::new(told.clone());
    assert_eq!((reader.role(), reader.role()), (Role::Active, Role::Active));
    assert_eq!(told.asked.load(Ordering::Relaxed), 1);
    *told.role.lock().unwrap() = Some(unknown("stopped"));
    *told.sign.lock().unwrap() = Sign(Some("gone".into()));
    assert_eq!(reader.role(), unknown("stopped"), "no step is taken on the word of before the stop");
    assert_eq!(told.asked.load(Ordering::Relaxed), 2);
}

#[test]
fn a_stop_that_comes_while_the_origin_is_asked_is_seen_at_the_next_look() {
    let told = Arc::new(Told::default());
    let reader = RoleReader::new(told.clone());
    *told.comes.lock().unwrap() = Some(Sign(Some("gone".into())));
    assert_eq!(reader.role(), Role::Active, "what was true when it was asked");
    *told.role.lock().unwrap() = Some(unknown("stopped"));
    assert_eq!(reader.role(), unknown("stopped"));
}

#[test]
fn an_answer_is_as_old_as_its_question() {
    let begin = Moment::now();
    for (takes, asked) in [(900, 1), (1_100, 2)] {
        let told = Arc::new(Told { takes: Duration::from_millis(takes), ..Told::default() });
        let reader = RoleReader::new(told.clone());
        let clock = || begin.later(*told.taken.lock().unwrap());
        (0..2).for_each(|_| assert_eq!(reader.current_by(clock, false).0, Role::Active));
        assert_eq!(told.asked.load(Ordering::Relaxed), asked, "it took {takes} ms");
    }
}

#[test]
fn a_sleeper_hears_of_every_change_also_of_one_that_is_over() {
    let told = Arc::new(Told::default());
    let reader = RoleReader::new(told.clone());
    let before = reader.changes();
    for (number, role) in [unknown("restarted"), Role::Active].into_iter().enumerate() {
        *told.role.lock().unwrap() = Some(role);
        *told.sign.lock().unwrap() = Sign(Some(number.to_string()));
        reader.role();
    }
    assert_eq!(reader.role(), Role::Active);
    assert_eq!(reader.changes(), before + 2, "the session in between was held up and must be tried again");
}
