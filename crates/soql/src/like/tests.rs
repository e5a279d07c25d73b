use super::*;

fn text(text: &str) -> LikePart {
    LikePart::Text(text.to_owned())
}

#[test]
fn texts_of_a_caller_hold_no_wildcards() {
    assert_eq!(
        LikePattern::contains("50%_").parts(),
        [LikePart::AnyRun, text("50%_"), LikePart::AnyRun]
    );
    assert_eq!(
        LikePattern::starts_with("a").parts(),
        [text("a"), LikePart::AnyRun]
    );
    assert_eq!(LikePattern::ends_with("a").parts(), [LikePart::AnyRun, text("a")]);
    assert_eq!(
        LikePattern::contains("").parts(),
        [LikePart::AnyRun, LikePart::AnyRun]
    );
}

#[test]
fn neighbouring_texts_are_one_part() {
    let parts = [text("a"), text(""), text("b"), LikePart::AnyOne, text("")];
    assert_eq!(LikePattern::raw(parts).parts(), [text("ab"), LikePart::AnyOne]);
}

#[test]
fn every_text_is_a_pattern() {
    assert_eq!(
        LikePattern::parse(r"a%\%_\_\\\x\").parts(),
        [
            text("a"),
            LikePart::AnyRun,
            text("%"),
            LikePart::AnyOne,
            text(r"_\\x\"),
        ]
    );
    assert_eq!(LikePattern::parse("").parts(), []);
}
