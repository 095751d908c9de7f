//! Replies of a child, changed in all kinds of ways: whatever arrives is refused, or held to its ranges.

use super::reply_checks;
use crate::image::{fixtures::Xorshift, protocol::ChildReply};

/// Replies that are tried.
const ROUNDS: u32 = 300_000;

const REPLIES: [&str; 6] = [
    r#"{"Confined":{"seccomp":"Active","landlock":{"Missing":"why\n"},"namespaces":"Active"}}"#,
    r#"{"Opened":{"format":"Pdf","pages":7,"encrypted":false,"bookmarks":[{"depth":1,"title":"A","page":3}]}}"#,
    r#"{"Inspected":{"width_pt":595.0,"height_pt":842.0,"image_coverage":0.5,"image_dpi":300.0,"image_px":[10,20],"images":[[0,0,5,5]],"annotations":[[1.5,0,5,5]],"paths":3,"substituted_fonts":0,"text":{"characters":9,"hidden":1,"covered":0,"unmapped":0,"in_annotations":0}}}"#,
    r#"{"Rendered":{"text_layer":{"lines":[{"text":"ab cd","quad":[[0,0],[50,0],[50,9],[0,9]],"size":9,"bold":false,"italic":true,"fixed_pitch":false,"tag":{"role":{"heading":2},"element":4},"lead":[2,20.0,22.0],"doubt":"lost-letter"}],"truncated":false,"formulas":[{"line":0,"number":1,"latex":"x_{2}"}],"glyphs":[[0,0,9,9]],"unseen":1},"cut":{"rows":[5,9]}}}"#,
    r#"{"Rendered":{"text_layer":null,"cut":null}}"#,
    r#"{"Failed":{"Damaged":"no \u001b[31m end"}}"#,
];

/// Numbers and texts that are put in place of others.
const STRANGE: [&str; 14] = [
    "4294967295",
    "4294967296",
    "-1",
    "1e38",
    "1e39",
    "1e999",
    "-0.0",
    "0",
    "null",
    "[]",
    "{}",
    "\"\"",
    "\"\\u0000\\u202e\\uffff\"",
    "[[[[[[[[",
];

fn changed(reply: &str, random: &mut Xorshift) -> Vec<u8> {
    let mut below = |end: usize| random.below(u32::try_from(end).unwrap()) as usize;
    let mut bytes = reply.as_bytes().to_vec();
    for _ in 0..=below(3) {
        let at = below(bytes.len().max(1));
        let until = (at + below(12)).min(bytes.len());
        match below(5) {
            0 => {
                let number = bytes[at..].iter().position(u8::is_ascii_digit);
                let start = at + number.unwrap_or(0);
                let digits = bytes[start..].iter().take_while(|b| b.is_ascii_digit());
                let end = start + digits.count();
                bytes.splice(start..end, STRANGE[below(STRANGE.len())].bytes());
            }
            1 => bytes[at] = below(256) as u8,
            2 => drop(bytes.drain(at..until)),
            3 => {
                let again = bytes[at..until].to_vec();
                bytes.splice(until..until, again);
            }
            _ => drop(bytes.splice(at..until, STRANGE[below(STRANGE.len())].bytes())),
        }
        if bytes.is_empty() {
            break;
        }
    }
    let length = match below(16) {
        0 => below(1 << 26) as u32,
        _ => u32::try_from(bytes.len()).unwrap(),
    };
    [&length.to_le_bytes()[..], &bytes].concat()
}

#[test]
fn whatever_a_child_says_is_refused_or_in_its_ranges() {
    let mut random = Xorshift(17);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        let reply = REPLIES[round as usize % REPLIES.len()];
        match reply_checks::hold_all(&changed(reply, &mut random)) {
            0 => refused += 1,
            _ => taken += 1,
        }
    }
    assert!(
        taken > ROUNDS / 20 && refused > ROUNDS / 20,
        "{taken} taken, {refused} refused"
    );
    for reply in REPLIES {
        serde_json::from_str::<ChildReply>(reply).unwrap();
    }
}
