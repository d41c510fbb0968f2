//! Sockets, headers and limits around `app`. HTTP is hyper's; a router of few paths needs no framework.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use mailferry_core::trouble::Trouble;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};

use super::app::{Answer, App, Asked};
use super::gate::COOKIE;

/// Of a form.
const BODY_BYTES_MAX: usize = 4096;
const CONNECTIONS_MAX: usize = 64;
/// For a request to come in whole, and between two of a connection.
const PATIENCE: Duration = Duration::from_secs(15);
/// For a connection as a whole: one that takes no answers in would keep its place for ever.
const LIFE: Duration = Duration::from_secs(120);
/// The charts go on though nobody looks.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// With every answer. Styles come from here alone, scripts from nowhere.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Until somebody asks the process to end.
pub fn serve(listener: std::net::TcpListener, app: App) -> Result<(), Trouble> {
    let trouble = |error: std::io::Error| {
        Trouble::new("could not serve").cause(error).hint("start it again, with fewer programs open if that is the cause")
    };
    listener.set_nonblocking(true).map_err(trouble)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(trouble)?;
    let stop = Arc::new((AtomicBool::new(false), Notify::new()));
    let asked = stop.clone();
    mailferry_host::on_stop_signal(move || {
        asked.0.store(true, Ordering::Relaxed);
        asked.1.notify_one();
    });
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).map_err(trouble)?;
        tokio::select! {
            () = accept(listener, Arc::new(app)) => {}
            () = stop.1.notified() => {}
        }
        Ok(())
    })
}

async fn accept(listener: TcpListener, app: Arc<App>) {
    tokio::spawn(keep_looking(app.clone()));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let app = app.clone();
                tokio::spawn(async move {
                    connection(stream, app, LIFE).await;
                    drop(place);
                });
            }
            // Too many open files: others end, and it goes on.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn keep_looking(app: Arc<App>) {
    let mut tick = tokio::time::interval(LOOK_EVERY);
    loop {
        tick.tick().await;
        let app = app.clone();
        let _ = tokio::task::spawn_blocking(move || app.look()).await;
    }
}

async fn connection(stream: TcpStream, app: Arc<App>, life: Duration) {
    let service = hyper::service::service_fn(move |request| respond(app.clone(), request));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(64 << 10);
    let mut http = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    // Whoever hangs up hears nothing of it.
    if tokio::time::timeout(life, http.as_mut()).await.is_err() {
        http.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(life.min(PATIENCE), http).await;
    }
}

async fn respond(app: Arc<App>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = match parts.method {
        Method::POST => match tokio::time::timeout(PATIENCE, Limited::new(body, BODY_BYTES_MAX).collect()).await {
            Ok(Ok(body)) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            _ => return Ok(finished(Answer::refused(StatusCode::BAD_REQUEST, "the request could not be read"))),
        },
        _ => String::new(),
    };
    let asked = Asked {
        host: text(header::HOST),
        bearer: text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ").map(str::to_owned)),
        cookie: text(header::COOKIE).and_then(|cookies| cookie(&cookies)),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        method: parts.method,
        body,
    };
    let answer = tokio::task::spawn_blocking(move || app.answer(&asked)).await;
    let failed = |_| Answer::refused(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be made");
    Ok(finished(answer.unwrap_or_else(failed)))
}

fn cookie(cookies: &str) -> Option<String> {
    cookies.split(';').find_map(|one| Some(one.trim().strip_prefix(COOKIE)?.strip_prefix('=')?.to_owned()))
}

fn finished(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.kind));
    for (name, value) in [(header::LOCATION, answer.location), (header::SET_COOKIE, answer.cookie.as_deref())] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cookie_is_found_among_others_and_no_other_is_taken_for_it() {
        assert_eq!(cookie("a=b; mailferry=cafe; c=d"), Some("cafe".into()));
        assert_eq!(cookie("mailferry2=cafe; xmailferry=x"), None);
    }

    #[test]
    fn every_answer_has_strict_headers() {
        let response = finished(Answer::refused(StatusCode::NOT_FOUND, "x"));
        for (name, value) in HEADERS {
            assert_eq!(response.headers().get(&name).and_then(|value| value.to_str().ok()), Some(value), "{name}");
        }
        let policy = HEADERS[0].1;
        assert!(
            !policy.contains("-inline")
                && !policy.contains("-eval")
                && !policy.contains("script-src")
                && policy.starts_with("default-src 'none'")
        );
    }

    #[test]
    fn whoever_takes_no_answer_in_does_not_keep_a_place_for_ever() {
        use std::io::Write;

        let fixture = crate::fleet::fixture::Fixture::new(1);
        let gate = super::super::gate::Gate::with(None, "here", ([127, 0, 0, 1], 0).into()).expect("a gate");
        let file = crate::commands::project::ProjectFile { project: fixture.project_file() };
        let app = Arc::new(App::new(&file, gate).expect("a project"));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut asking = std::net::TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
        let (stream, _) = listener.accept().expect("accepted");
        stream.set_nonblocking(true).expect("a socket");
        // More than the buffers of the system hold: requests are written until no more are taken, and no answer is read.
        let writer = std::thread::spawn(move || while asking.write_all(b"GET /style.css HTTP/1.1\r\nhost: localhost\r\n\r\n").is_ok() {});
        runtime.block_on(async {
            let stream = TcpStream::from_std(stream).expect("a socket");
            let ended = tokio::time::timeout(PATIENCE * 3, connection(stream, app, Duration::from_millis(200))).await;
            assert!(ended.is_ok(), "it has kept its place");
        });
        writer.join().expect("it has noticed");
    }
}
