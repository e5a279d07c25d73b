use super::{Changes, Topic};

fn connection(id: &str) -> Topic {
    Topic::Connection(id.to_owned())
}

#[test]
fn a_topic_reads_back_from_its_text() {
    for topic in [
        connection("con_1"),
        Topic::Key("abc".to_owned()),
        Topic::Overrides("ten_1".to_owned()),
    ] {
        assert_eq!(Topic::parse(&topic.text()), Some(topic));
    }
    assert_eq!(Topic::parse("*"), None);
    assert_eq!(Topic::parse("weather:fine"), None);
}

#[test]
fn a_change_ages_the_stamp_of_its_topic() {
    let changes = Changes::new(true, None);
    let both = [connection("con_1"), Topic::Overrides("ten_1".to_owned())];
    let before = changes.stamp(&both);
    assert_eq!(changes.stamp(&both), before);
    changes.announce(&both[1..]);
    assert_ne!(changes.stamp(&both), before);
}

#[test]
fn a_message_of_another_node_ages_and_an_echo_does_not() {
    let changes = Changes::new(true, None);
    let topic = [connection("con_1")];
    let before = changes.stamp(&topic);
    changes.receive("me", "me\nconnection:con_1");
    assert_eq!(changes.stamp(&topic), before);
    changes.receive("me", "you\nconnection:con_1");
    let after = changes.stamp(&topic);
    assert_ne!(after, before);
    changes.receive("me", "you\n*");
    assert_ne!(changes.stamp(&topic), after);
}

#[test]
fn only_a_shared_database_makes_values_age() {
    assert_eq!(Changes::new(false, None).max_age_ms(), i64::MAX);
    assert_eq!(Changes::new(true, None).max_age_ms(), 2_000);
}
