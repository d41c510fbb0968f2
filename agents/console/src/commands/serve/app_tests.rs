use super::*;
use crate::fleet::fixture::{Fixture, HIDDEN};

const TOKEN: &str = "a token of the tests";

fn app(fixture: &Fixture, token: Option<&str>) -> App {
    let gate = Gate::with(token, "here", "127.0.0.1:0".parse().expect("an address")).expect("a gate");
    App::new(&ProjectFile { project: fixture.project_file() }, gate).expect("a project")
}

fn asked(path: &str) -> Asked {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Asked {
        method: Method::GET,
        path: path.into(),
        query: query.into(),
        host: Some("localhost:7070".into()),
        bearer: None,
        cookie: None,
        body: String::new(),
    }
}

fn get(app: &App, path: &str) -> Answer {
    app.answer(&asked(path))
}

fn paths(app: &App) -> Vec<String> {
    let fleet = app.look();
    let of = |number: usize| format!("/mailboxes/{}", fleet.mailboxes[number].id);
    let fixed =
        ["/", "/mailboxes", "/mailboxes?order=left&state=Failed", "/moves", "/moves?q=user", "/debts", "/events", "/metrics", "/style.css"];
    fixed.into_iter().map(str::to_owned).chain([of(3), of(8)]).collect()
}

#[test]
fn every_page_escapes_what_it_shows_and_shows_nothing_that_is_not_for_it() {
    let fixture = Fixture::new(60);
    let app = app(&fixture, Some(TOKEN));
    for path in paths(&app) {
        let answer = app.answer(&Asked { bearer: Some(TOKEN.into()), ..asked(&path) });
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        for hidden in HIDDEN.into_iter().chain([TOKEN, app.gate.cookie().expect("a cookie").as_str(), "password-env"]) {
            assert!(!answer.body.contains(hidden), "{path} shows {hidden}");
        }
        if answer.kind == HTML {
            for raw in ["<NO>", "<wave>", "<os error", "<TGT1>", "<script", " style=", "javascript:", "http://", "https://"] {
                assert!(!answer.body.contains(raw), "{path} has {raw}");
            }
        }
    }
    let shown = |path: &str| app.answer(&Asked { bearer: Some(TOKEN.into()), ..asked(path) }).body;
    assert!(shown("/").contains("user00003: the server says &lt;NO&gt; [INUSE] &amp; closes"));
    assert!(shown("/moves").contains("first &lt;wave&gt;") && shown("/debts").contains("access denied &lt;os error 5&gt;"));
    assert!(shown("/events").contains("could not place a container for &lt;TGT1&gt;\n  cause: away"));
}

#[test]
fn with_a_token_nothing_is_shown_without_it() {
    let fixture = Fixture::new(20);
    let app = app(&fixture, Some(TOKEN));
    for path in paths(&app).iter().filter(|path| *path != "/style.css") {
        let answer = get(&app, path);
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(!answer.body.contains("user0") && !answer.body.contains("SRC1") && !answer.body.contains("fixture"), "{path}");
    }
    assert_eq!(get(&app, "/healthz").body, "ok\n");
    let post = |body: &str| app.answer(&Asked { method: Method::POST, body: body.into(), ..asked("/login") });
    let refused = post("token=another+token+of+tests");
    assert_eq!((refused.status, refused.cookie), (StatusCode::UNAUTHORIZED, None));
    let let_in = post(&format!("token={}", TOKEN.replace(' ', "+")));
    assert_eq!((let_in.status, let_in.location), (StatusCode::SEE_OTHER, Some("/")));
    let cookie = let_in.cookie.expect("a cookie");
    for word in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    let value = cookie.split(['=', ';']).nth(1).map(str::to_owned);
    assert_eq!(app.answer(&Asked { cookie: value, ..asked("/") }).status, StatusCode::OK);
    assert_eq!(app.answer(&Asked { cookie: Some("0".repeat(64)), ..asked("/") }).status, StatusCode::UNAUTHORIZED);
}

#[test]
fn a_page_of_another_host_reads_nothing_and_nothing_can_be_changed() {
    let fixture = Fixture::new(3);
    let app = app(&fixture, None);
    for host in [Some("evil.example"), Some("evil.example:7070"), None] {
        let answer = app.answer(&Asked { host: host.map(str::to_owned), ..asked("/") });
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(!answer.body.contains("user0"));
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        assert_eq!(app.answer(&Asked { method, ..asked("/mailboxes") }).status, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(get(&app, "/nothing").status, StatusCode::NOT_FOUND);
    assert_eq!(get(&app, "/mailboxes/../../etc/passwd").status, StatusCode::NOT_FOUND);
}

#[test]
fn mailboxes_are_filtered_sorted_and_shown_a_page_at_a_time() {
    let fixture = Fixture::new(130);
    let app = app(&fixture, None);
    let names = |path: &str| {
        let body = get(&app, path).body;
        let words = body.split(">user").skip(1).map(|rest| format!("user{}", &rest[..5]));
        words.collect::<Vec<_>>()
    };
    assert_eq!(names("/mailboxes").len(), 50);
    assert_eq!(names("/mailboxes?page=3").first().map(String::as_str), Some("user00100"));
    assert_eq!(names("/mailboxes?page=99"), names("/mailboxes?page=3"), "there are no more");
    assert_eq!(names("/mailboxes?q=USER0007").len(), 10);
    assert_eq!(names("/mailboxes?state=Stalled"), ["user00003"]);
    assert_eq!(names("/mailboxes?order=items").first().map(String::as_str), Some("user00129"));
    assert_eq!(names("/mailboxes?collection=none"), Vec::<String>::new());
    let body = get(&app, "/mailboxes?q=user&page=2").body;
    assert!(body.contains("href=\"?q=user&amp;page=3\"") && body.contains("page 2 of 3"));
}

#[test]
fn ten_thousand_mailboxes_make_small_pages_and_their_files_are_read_once() {
    let fixture = Fixture::new(10_000);
    let app = app(&fixture, None);
    let first = app.look();
    let work = app.eye(|eye| eye.looker.work);
    assert_eq!((work.opened, work.bytes), (11, fixture.bytes()));
    for path in paths(&app) {
        let bytes = get(&app, &path).body.len();
        assert!(bytes < 100_000, "{path} has {bytes} bytes");
    }
    app.eye(|eye| eye.seen = None);
    assert_eq!(app.look().mailboxes.len(), first.mailboxes.len());
    let again = app.eye(|eye| eye.looker.work);
    assert_eq!((again.opened, again.bytes), (work.opened, work.bytes), "nothing has changed, nothing was read");
}

#[test]
fn a_project_that_was_changed_is_followed_and_one_that_was_spoilt_is_told() {
    let fixture = Fixture::new(3);
    let app = app(&fixture, None);
    assert_eq!(app.look().mailboxes.len(), 3);
    let text = std::fs::read_to_string(fixture.project_file()).expect("a file");
    std::fs::write(
        fixture.project_file(),
        format!(
            "{text}[[collections]]\nname = \"more\"\nmailboxes = [{{ name = \"new\", source = \"maildir:/a\", target = \"maildir:/b\" }}]\n"
        ),
    )
    .expect("a file");
    app.eye(|eye| eye.seen = None);
    assert_eq!(app.look().mailboxes.len(), 4);
    std::fs::write(fixture.project_file(), "[project").expect("a file");
    app.eye(|eye| eye.seen = None);
    let fleet = app.look();
    assert_eq!((fleet.mailboxes.len(), fleet.troubles.len()), (4, 1));
    assert!(get(&app, "/").body.contains("the project file cannot be used"));
}
