use super::{like, pattern};

#[test]
fn like_matches_as_a_naive_matcher_does() {
    fn naive(text: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('%', rest)) => (0..=text.len()).any(|skip| naive(&text[skip..], rest)),
            Some(('_', rest)) => !text.is_empty() && naive(&text[1..], rest),
            Some((letter, rest)) => text.first() == Some(letter) && naive(&text[1..], rest),
        }
    }
    let alphabet = ['a', 'b', '%', '_'];
    for number in 0..4_usize.pow(5) {
        let wanted: Vec<char> = (0..5)
            .map(|place| alphabet[number / 4_usize.pow(place) % 4])
            .collect();
        for text in ["", "a", "ab", "ba", "aab", "abab", "bbbbb"] {
            let letters: Vec<char> = text.chars().collect();
            assert_eq!(
                like(text, &wanted),
                naive(&letters, &wanted),
                "{text} like {wanted:?}"
            );
        }
    }
    assert!(like("ÉCOLE", &pattern("é%")));
}
