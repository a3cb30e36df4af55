use std::{
    convert::Infallible,
    future::ready,
    sync::{Arc, Mutex},
};

use serde_json::json;

use super::{super::mock, *};

#[tokio::test(start_paused = true)]
async fn a_cluster_is_unknown_only_where_that_is_for_good() {
    let refused = |code: u16| (code, json!({"kind": "Status", "status": "Failure", "code": code}));
    let rows = [
        ("read", (200, json!({"metadata": {"uid": "u"}})), Ok(Some("u"))),
        ("not permitted", refused(403), Ok(None)),
        ("no such namespace", refused(404), Ok(None)),
        ("in trouble", refused(500), Err("ApiServerError")),
        ("not us", refused(401), Err("Unauthorized")),
    ];
    for (name, answer, expected) in rows {
        let (client, _) = mock::server(move |_| answer.clone());
        let uid = cluster_uid(&client).await;
        let uid = uid.as_ref().map(Option::as_deref).map_err(SourceError::reason);
        assert_eq!(uid, expected, "{name}");
    }
}

#[test]
fn a_pause_is_never_shorter_than_asked_for() {
    for (attempt, asked, least, most) in [
        (0, None, 50, 100),
        (4, None, 800, 1600),
        (0, Some(1), 1000, 1050),
        (4, Some(3), 3000, 3800),
        (0, Some(3600), 10_000, 10_000),
    ] {
        let asked = asked.map(Duration::from_secs);
        for _ in 0..100 {
            let pause = pause(attempt, asked).as_millis();
            assert!((least..=most).contains(&pause), "{attempt} {asked:?}: {pause}");
        }
    }
}

#[tokio::test]
async fn where_a_form_is_not_known_plain_json_is_asked_for() {
    let forms = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&forms);
    let service = tower::service_fn(move |request: Request<Body>| {
        let form = request.headers()[http::header::ACCEPT].clone();
        let code = if form == JSON { 200 } else { 406 };
        asked.lock().expect("one thread").push(form);
        let answer = Response::builder()
            .status(code)
            .body(Body::from(b"{\"items\": []}".to_vec()));
        ready(Ok::<_, Infallible>(answer.expect("a status")))
    });
    let client = Client::new(service, "default");
    let items = first_page_of_metadata(&client, "/api/v1/pods").await;
    assert_eq!(items, Ok(Vec::new()));
    assert_eq!(*forms.lock().expect("one thread"), [METADATA, JSON]);
}
