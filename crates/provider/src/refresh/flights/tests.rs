use std::time::Duration;

use model::ConnectionId;
use tokio::time::advance;

use super::{Answer, Flights, Rest, Trips, locked};
use crate::refresh::Outcome;

fn id() -> ConnectionId {
    ConnectionId::parse("con_000000000000000000000000").expect("an id")
}

#[tokio::test]
async fn those_who_come_while_a_refresh_is_under_way_wait_for_it_and_later_ones_start_anew() {
    let flights = Flights::default();
    assert_eq!(flights.len(), 0);
    let mut started = None;
    let mut first = flights.join(&id(), |answering| started = Some(answering));
    let mut second = flights.join(&id(), |_| panic!("one is under way"));
    assert_eq!(flights.len(), 1);
    let answering = started.take().expect("the first starts it");
    flights.leave(&id());
    assert_eq!(flights.len(), 0);
    let answer = Answer {
        outcome: Outcome::Gone,
        error: None,
    };
    answering.send(Some(answer)).expect("two wait");
    for waiting in [&mut first, &mut second] {
        let answer = waiting
            .wait_for(Option::is_some)
            .await
            .expect("an answer")
            .clone();
        assert_eq!(answer.map(|answer| answer.outcome), Some(Outcome::Gone));
    }
    flights.join(&id(), |answering| started = Some(answering));
    assert!(started.is_some(), "a later one starts anew");
}

#[tokio::test(start_paused = true)]
async fn a_connection_rests_for_its_time_and_is_forgotten_after_it() {
    let (second, flights) = (Duration::from_secs(1), Flights::default());
    assert_eq!(flights.cooling(&id()), None);
    flights.cool(&id(), 10 * second, Rest::NotAdmitted);
    assert_eq!(flights.cooling(&id()), Some((10 * second, Rest::NotAdmitted)));
    advance(4 * second).await;
    let other = ConnectionId::parse("con_000000000000000000000001").expect("an id");
    assert_eq!(flights.cooling(&other), None, "it rests alone");
    flights.cool(&other, second, Rest::Unsettled);
    assert_eq!(flights.cooling(&id()), Some((6 * second, Rest::NotAdmitted)));
    advance(6 * second).await;
    assert_eq!(flights.cooling(&id()), None);
    flights.cool(&other, second, Rest::Unsettled);
    assert_eq!(locked(&flights.cooling).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_application_rests_for_a_minute() {
    let trips = Trips::default();
    assert!(!trips.is_tripped("acme"));
    trips.trip("acme");
    advance(Duration::from_millis(59_999)).await;
    assert!(trips.is_tripped("acme") && !trips.is_tripped("other"));
    advance(Duration::from_millis(1)).await;
    assert!(!trips.is_tripped("acme"));
}
