use http::{StatusCode, header};

use super::*;

const REST: Budget = Budget {
    api: Api::Rest,
    owner: None,
};
const GRAPHQL: Budget = Budget {
    api: Api::GraphQl,
    owner: None,
};

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                header::HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )
        })
        .collect()
}

#[test]
fn a_missing_permission_is_no_limit() {
    use Limit::{Primary, Secondary};
    let secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let primary = "API rate limit exceeded for installation ID 1.";
    let docs = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api";
    let rows = [
        ("429", 429, vec![], "", "", Some(Secondary)),
        (
            "429 and nothing left",
            429,
            vec![("x-ratelimit-remaining", "0")],
            "",
            "",
            Some(Primary),
        ),
        (
            "nothing left",
            403,
            vec![("x-ratelimit-remaining", "0")],
            "Forbidden",
            docs,
            Some(Primary),
        ),
        (
            "primary by its words",
            403,
            vec![("x-ratelimit-remaining", "4")],
            primary,
            docs,
            Some(Primary),
        ),
        (
            "primary with a time",
            403,
            vec![("retry-after", "3")],
            primary,
            "",
            Some(Primary),
        ),
        (
            "secondary without a header that tells",
            403,
            vec![("x-ratelimit-remaining", "14")],
            secondary,
            "",
            Some(Secondary),
        ),
        (
            "secondary with the last request",
            403,
            vec![("x-ratelimit-remaining", "0")],
            secondary,
            "",
            Some(Secondary),
        ),
        (
            "abuse detection of old servers",
            403,
            vec![],
            "You have triggered an abuse detection mechanism",
            "",
            Some(Secondary),
        ),
        (
            "documentation only",
            403,
            vec![("x-ratelimit-remaining", "0")],
            "",
            "https://docs.github.com/x#secondary-rate-limits",
            Some(Secondary),
        ),
        ("documentation of both", 403, vec![], "", docs, Some(Secondary)),
        ("retry after", 403, vec![("retry-after", "3")], "", "", Some(Secondary)),
        (
            "permission",
            403,
            vec![("x-ratelimit-remaining", "14")],
            "Resource not accessible by integration",
            "",
            None,
        ),
        (
            "permission with the last request",
            403,
            vec![("x-ratelimit-remaining", "0")],
            "Resource not accessible by integration",
            "",
            None,
        ),
        (
            "archived",
            403,
            vec![],
            "Repository was archived so is read-only.",
            "",
            None,
        ),
        (
            "not found",
            404,
            vec![("x-ratelimit-remaining", "0")],
            "Not Found",
            "",
            None,
        ),
    ];
    for (name, status, pairs, message, documentation, limit) in rows {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            limit_of(status, &headers(&pairs), message, documentation),
            limit,
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_limit_is_what_github_says() {
    let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
    let rows = [
        ("seconds", vec![date, ("retry-after", "17")], 17),
        ("date", vec![date, ("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT")], 30),
        (
            "date of the past",
            vec![date, ("retry-after", "Wed, 21 Oct 2015 07:27:30 GMT")],
            1,
        ),
        (
            "retry-after before reset",
            vec![
                date,
                ("retry-after", "5"),
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1445412580"),
            ],
            5,
        ),
        (
            "reset",
            vec![
                date,
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1445412580"),
            ],
            101,
        ),
        (
            "reset, but some remain",
            vec![
                date,
                ("x-ratelimit-remaining", "3"),
                ("x-ratelimit-reset", "1445412580"),
            ],
            60,
        ),
        (
            "reset of the past",
            vec![
                date,
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1445412400"),
            ],
            1,
        ),
        ("nothing", vec![], 60),
        ("endless", vec![("retry-after", "99999999")], 3_600),
    ];
    for (name, pairs, seconds) in rows {
        let silence = Limits::default().refused(&REST, Limit::Secondary, &headers(&pairs));
        assert_eq!(silence.until - Instant::now(), Duration::from_secs(seconds), "{name}");
    }
    let some_remain = headers(&[
        date,
        ("x-ratelimit-remaining", "3"),
        ("x-ratelimit-reset", "1445412580"),
    ]);
    let silence = Limits::default().refused(&REST, Limit::Primary, &some_remain);
    assert_eq!(
        silence.until - Instant::now(),
        Duration::from_secs(101),
        "a primary limit ends with its hour"
    );
}

/// What a secondary limit without any explanation leads to.
fn refused(limits: &Limits) -> Instant {
    let silence = limits.refused(&REST, Limit::Secondary, &headers(&[]));
    assert_eq!(silence.scope, LimitScope::Everything);
    silence.until
}

#[tokio::test(start_paused = true)]
async fn silence_grows_and_never_shrinks() {
    let limits = Limits::default();
    let start = Instant::now();
    let minute = |count| start + Duration::from_secs(60) * count;
    let silence = |until| Silence {
        until,
        scope: LimitScope::Everything,
    };
    for _ in 0..4 {
        assert_eq!(refused(&limits), minute(1), "refused together, counted once");
    }
    let shorter = limits.refused(&GRAPHQL, Limit::Secondary, &headers(&[("retry-after", "1")]));
    assert_eq!(shorter, silence(minute(1)));
    assert_eq!(limits.write(&REST, None).await, Err(silence(minute(1))));
    let impatient = minute(1) - Duration::from_secs(1);
    assert_eq!(limits.read(&GRAPHQL, impatient).await, Err(silence(minute(1))));
    assert_eq!(limits.read(&GRAPHQL, minute(1)).await, Ok(()));
    assert_eq!(start.elapsed(), Duration::from_secs(60));
    assert_eq!(limits.write(&REST, None).await, Ok(()));
    assert_eq!(refused(&limits), minute(3), "a minute was too short");
    sleep_until(minute(4)).await;
    assert_eq!(refused(&limits), minute(8), "and two");
    sleep_until(minute(12)).await;
    assert_eq!(refused(&limits), minute(13), "long after that it is a new one");
}

#[tokio::test(start_paused = true)]
async fn a_primary_limit_silences_its_own_budget_only() {
    let of = |api, owner: Option<&str>| Budget {
        api,
        owner: owner.map(str::to_owned),
    };
    let hour = headers(&[
        ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1445416080"),
    ]);
    let rows = [
        ("GraphQL of a token", GRAPHQL, REST, LimitScope::Api),
        ("REST of a token", REST, GRAPHQL, LimitScope::Api),
        (
            "one installation",
            of(Api::Rest, Some("shop")),
            of(Api::Rest, Some("toys")),
            LimitScope::Owner,
        ),
        (
            "one API of it",
            of(Api::GraphQl, Some("shop")),
            of(Api::Rest, Some("shop")),
            LimitScope::Owner,
        ),
    ];
    for (name, used_up, other, scope) in rows {
        for told_early in [false, true] {
            let limits = Limits::default();
            let until = Instant::now() + Duration::from_secs(3_600);
            if told_early {
                limits.answered(&used_up, &hour);
            } else {
                limits.refused(&used_up, Limit::Primary, &hour);
            }
            assert_eq!(limits.until(&used_up), Some(Silence { until, scope }), "{name}");
            assert_eq!(
                limits.write(&used_up, None).await,
                Err(Silence { until, scope }),
                "{name}"
            );
            assert_eq!(limits.until(&other), None, "{name}");
            assert_eq!(limits.until_any(), None, "{name}");
            assert_eq!(limits.write(&other, None).await, Ok(()), "{name}");
            let everything = LimitScope::Everything;
            limits.refused(&other, Limit::Secondary, &headers(&[("retry-after", "9")]));
            let silence = limits.until(&used_up).unwrap();
            assert_eq!(
                (silence.until, silence.scope),
                (until, everything),
                "{name}: the later end"
            );
            assert_eq!(
                limits.until(&other).unwrap().scope,
                everything,
                "{name}: a secondary limit silences both"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answers_without_a_reset_in_the_future_silence_nothing() {
    let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
    for pairs in [
        vec![],
        vec![
            date,
            ("x-ratelimit-remaining", "1"),
            ("x-ratelimit-reset", "1445416080"),
        ],
        vec![date, ("x-ratelimit-remaining", "0")],
        vec![date, ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "0")],
    ] {
        let limits = Limits::default();
        limits.answered(&REST, &headers(&pairs));
        assert_eq!(limits.until(&REST), None, "{pairs:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn writes_keep_their_distance() {
    let limits = Limits::default();
    let start = Instant::now();
    let mut sent = Vec::new();
    for _ in 0..130 {
        limits.write(&REST, None).await.unwrap();
        sent.push(start.elapsed().as_secs());
    }
    assert_eq!(sent.iter().filter(|second| **second == 0).count(), 10, "the burst");
    for from in 0..=60 {
        let minute = sent.iter().filter(|second| (from..from + 60).contains(*second)).count();
        assert!(minute <= 80, "{minute} writes in the minute from second {from}");
    }
    assert_eq!(sent.last(), Some(&120), "one a second after the burst");
    let next = Instant::now() + BETWEEN_WRITES;
    let too_late = limits.write(&REST, Some(next)).await.unwrap_err();
    assert_eq!((too_late.until, too_late.scope), (next, LimitScope::Writes));
    assert!(
        limits.write(&REST, Some(next + BETWEEN_WRITES)).await.is_ok(),
        "its turn was not taken"
    );
    assert_eq!(Instant::now(), next);
}

#[tokio::test(start_paused = true)]
async fn an_hour_has_five_hundred_writes() {
    let limits = Limits::default();
    let start = Instant::now();
    let mut done = 0;
    let until = loop {
        // Deployments and statuses are the same to GitHub.
        match limits.write(if done % 2 == 0 { &REST } else { &GRAPHQL }, None).await {
            Ok(()) => done += 1,
            Err(silence) => break silence.until,
        }
    };
    assert_eq!(done, 500);
    assert_eq!(until, start + Duration::from_secs(3_600) + JITTER);
    assert_eq!(limits.far_turn(Duration::ZERO), None, "too far to wait for");
    sleep_until(until - PATIENCE).await;
    assert_eq!(limits.far_turn(PATIENCE - JITTER), Some(until));
    assert_eq!(limits.write(&REST, None).await, Ok(()), "near enough to wait for");
    assert_eq!(Instant::now(), until);
}

#[tokio::test(start_paused = true)]
async fn a_minute_has_two_thousand_points_of_graphql() {
    let limits = Limits::default();
    let start = Instant::now();
    let deadline = start + Duration::from_secs(600);
    for _ in 0..2 {
        limits.write(&GRAPHQL, None).await.unwrap();
    }
    for _ in 0..1_990 {
        limits.read(&GRAPHQL, deadline).await.unwrap();
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    let full = limits.read(&GRAPHQL, start).await.unwrap_err();
    assert_eq!(
        (full.until, full.scope),
        (start + Duration::from_secs(61), LimitScope::Api)
    );
    limits.write(&REST, None).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO, "REST has points of its own");
    limits.read(&GRAPHQL, deadline).await.unwrap();
    assert_eq!(Instant::now(), full.until);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_asked_for_as_fast_as_their_endpoint_takes_it() {
    let limits = Limits::default();
    let start = Instant::now();
    for (count, seconds) in [(180, 0), (180, 61), (1, 122)] {
        for _ in 0..count {
            limits.token().await;
        }
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
}
