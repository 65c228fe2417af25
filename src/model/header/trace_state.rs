//! `tracestate` (W3C Trace Context level 2, section 3.3): what tracing systems say to each other. It
//! is passed on as far as it is what the specification says, or not at all.

/// The most members of a list that is passed on (section 3.3.2).
const MOST_MEMBERS: usize = 32;
/// The longest key and the longest value, characters (sections 3.3.2.2.1 and 3.3.2.2.2).
const LONGEST_PART: usize = 256;
/// The longest list that is passed on, characters: as much as every system must pass on (section
/// 3.3.1.5), and no more, since a caller chooses the text and each upstream is sent it.
const LONGEST: usize = 512;
/// Members longer than this are the first to go from a list that is too long (section 3.3.1.5).
const LONG_MEMBER: usize = 128;

/// The list to pass on for the one that came, several headers joined by commas. `None` if there is
/// nothing in it, or something that is no member of such a list.
pub fn propagated(list: &str) -> Option<String> {
    let blank = [' ', '\t'];
    let members = list.split(',').map(|member| member.trim_matches(blank));
    let members: Vec<&str> = members.filter(|member| !member.is_empty()).collect();
    if members.len() > MOST_MEMBERS || !members.iter().all(|member| is_member(member)) {
        return None;
    }
    let members = shortened(each_once(members));
    (!members.is_empty()).then(|| members.join(","))
}

fn is_member(member: &str) -> bool {
    member.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value))
}

fn is_key(key: &str) -> bool {
    let of_start = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let of_key = |byte: u8| of_start(byte) || b"_-*/@".contains(&byte);
    key.len() <= LONGEST_PART && key.bytes().next().is_some_and(of_start) && key.bytes().all(of_key)
}

/// Its last character is no blank: those belong to the list.
fn is_value(value: &str) -> bool {
    let of_value = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    (1..=LONGEST_PART).contains(&value.len()) && value.bytes().all(of_value)
}

/// Of two members of one system the first is the newer one, and the only one that should be there.
fn each_once(members: Vec<&str>) -> Vec<&str> {
    let key = |member: &str| member.split('=').next().map(str::to_owned);
    let mut kept: Vec<&str> = Vec::new();
    for member in members {
        if !kept.iter().any(|known| key(known) == key(member)) {
            kept.push(member);
        }
    }
    kept
}

/// Leaves whole members out until the list is short enough: the long ones first, then the last ones.
fn shortened(mut members: Vec<&str>) -> Vec<&str> {
    let is_too_long = |members: &[&str]| {
        let commas = members.len().saturating_sub(1);
        members.iter().map(|member| member.len()).sum::<usize>() + commas > LONGEST
    };
    while is_too_long(&members) {
        let long = members.iter().rposition(|member| member.len() > LONG_MEMBER);
        members.remove(long.unwrap_or(members.len() - 1));
    }
    members
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(count: usize, member: impl Fn(usize) -> String) -> String {
        (0..count).map(member).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn a_list_as_it_should_be_is_passed_on_as_it_came_but_for_blanks_and_empty_members() {
        for (came, goes_on) in [
            ("vendor=1", "vendor=1"),
            ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
            (" a=1 ,\tb=2\t,, ,c=3,", "a=1,b=2,c=3"),
            (
                "1@2/_-*=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~",
                "1@2/_-*=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~",
            ),
            ("a= 1 2", "a= 1 2"),
            ("foo@@bar=1", "foo@@bar=1"),
            ("a=1,b=2,a=3", "a=1,b=2"),
        ] {
            assert_eq!(propagated(came).as_deref(), Some(goes_on), "{came}");
        }
    }

    #[test]
    fn a_list_with_anything_else_in_it_is_not_passed_on() {
        for came in [
            "",
            " ",
            ",,",
            "a",
            "=1",
            "a=",
            "a= ",
            "A=1",
            "-a=1",
            "_a=1",
            "ü=1",
            "a=ü",
            "a=1=2",
            "a =1",
            "a\u{b}=1",
            "a=1\u{7f}",
            "a=\u{9}1",
            "ok=1,a",
            "a.b=1",
        ] {
            assert_eq!(propagated(came), None, "{came:?}");
        }
    }

    #[test]
    fn keys_values_and_lists_are_as_long_as_they_may_be() {
        let (key, value) = ("k".repeat(256), "v".repeat(255));
        // A key of 256 with a value of 255 is just 512 characters.
        assert_eq!(propagated(&format!("{key}={value}")), Some(format!("{key}={value}")));
        assert_eq!(propagated(&format!("{key}k=1")), None);
        assert_eq!(propagated(&format!("a={value}vv")), None);
        let member = |n: usize| format!("k{n}={n}");
        assert_eq!(propagated(&list(32, member)), Some(list(32, member)));
        assert_eq!(propagated(&list(33, member)), None);
        // Empty ones are no members.
        assert_eq!(propagated(&format!("{},,,", list(32, member))), Some(list(32, member)));
    }

    #[test]
    fn of_a_list_that_is_too_long_the_long_members_go_first_and_then_the_last_ones() {
        let long = format!("long={}", "x".repeat(200));
        let short = |n: usize| format!("k{n:02}={}", "y".repeat(46));
        // Nine of 50 characters and eight commas, and the long one.
        assert_eq!(propagated(&format!("{long},{}", list(9, short))), Some(list(9, short)));
        // Ten and nine commas are 509; the eleventh goes.
        assert_eq!(propagated(&list(11, short)), Some(list(10, short)));
        // The long one that stands further behind goes before the other.
        let other = long.replace("long", "other");
        let came = format!("{long},{other},{}", list(4, short));
        assert_eq!(propagated(&came), Some(format!("{long},{}", list(4, short))));
    }

    proptest! {
        #[test]
        fn what_is_passed_on_is_short_enough_and_would_be_passed_on_again(
            came in "([a-z0-9]{0,3}[=,]{0,2}[ -~]{0,140},?){0,40}",
        ) {
            if let Some(list) = propagated(&came) {
                prop_assert!(list.len() <= LONGEST);
                prop_assert_eq!(propagated(&list), Some(list));
            }
        }
    }
}
