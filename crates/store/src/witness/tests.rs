use model::{ConnectionId, OsRandom, Secret};

use super::{FILE, Seen, Witness};

fn token(text: &str) -> Secret {
    Secret::new(text)
}

async fn last(witness: &Witness, id: &ConnectionId) -> Option<Seen> {
    witness.seen(std::slice::from_ref(id)).await.remove(0)
}

#[test]
fn a_row_is_behind_only_with_another_token() {
    let id = ConnectionId::generate(&OsRandom);
    let seen = Seen::new(&id, 5, &token("new"));
    assert!(seen.outdates(&id, 4, &token("old")));
    assert!(!seen.outdates(&id, 5, &token("old")), "not behind");
    assert!(!seen.outdates(&id, 6, &token("old")), "ahead");
    // A provider that does not rotate: the token is the same.
    assert!(!seen.outdates(&id, 1, &token("new")));
    assert!(!seen.text().contains("new"));
}

#[tokio::test]
async fn the_file_is_read_back_and_a_cut_line_says_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other, gone) = (
        ConnectionId::generate(&OsRandom),
        ConnectionId::generate(&OsRandom),
        ConnectionId::generate(&OsRandom),
    );
    let witness = Witness::open(None, Some(dir.path())).unwrap();
    let seen = |id, version| Seen::new(id, version, &token("token"));
    witness.follow(&one, &seen(&one, 3)).await;
    witness.follow(&one, &seen(&one, 2)).await;
    witness.follow(&other, &seen(&other, 9)).await;
    witness.begin(&other, Some(&seen(&other, 4))).await;
    witness.begin(&gone, Some(&seen(&gone, 1))).await;
    witness.begin(&gone, None).await;
    drop(witness);
    let path = dir.path().join(FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    let line = format!("{gone} {}", seen(&gone, 7).text());
    for cut in 0..line.len() {
        std::fs::write(&path, format!("{text}{}", &line[..cut])).unwrap();
        let witness = Witness::open(None, Some(dir.path())).unwrap();
        assert_eq!(last(&witness, &one).await, Some(seen(&one, 3)));
        assert_eq!(last(&witness, &other).await, Some(seen(&other, 4)));
        assert_eq!(last(&witness, &gone).await, None, "{}", &line[..cut]);
    }
}

#[tokio::test]
async fn the_file_does_not_grow_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let id = ConnectionId::generate(&OsRandom);
    let witness = Witness::open(None, Some(dir.path())).unwrap();
    let lines = || {
        std::fs::read_to_string(dir.path().join(FILE))
            .unwrap()
            .lines()
            .count()
    };
    let stale = i64::try_from(super::STALE_LINES_MAX).unwrap();
    for version in 1..stale + 10 {
        witness
            .follow(&id, &Seen::new(&id, version, &token("token")))
            .await;
    }
    assert!(lines() < 20, "{}", lines());
    drop(witness);
    let witness = Witness::open(None, Some(dir.path())).unwrap();
    assert_eq!(last(&witness, &id).await.unwrap().version, stale + 9);
}
