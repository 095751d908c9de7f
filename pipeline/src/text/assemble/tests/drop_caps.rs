//! Large initials at the start of a text.

use super::*;

/// A text with an initial three rows high, and more text below.
fn chapter(initial: &str, rows: [&str; 3], is_ocr: bool) -> Vec<TextLine> {
    let mut lines = vec![sized(100.0, 101.0, 70.0, initial)];
    lines[0].quad = Quad::from(Rect {
        left: 100.0,
        top: 101.0,
        right: 150.0,
        bottom: 171.0,
    });
    lines.extend(block(156.0, 100.0, &rows));
    lines.extend(prose(100.0 + 3.0 * STEP));
    lines
        .iter_mut()
        .filter(|_| !is_ocr)
        .for_each(|line| line.confidence = None);
    lines
}

const REST: [&str; 2] = [
    "was coming down the canal, and the people of the town went on",
    "to the quay, for there was little else to do in those days and",
];

#[test]
fn an_initial_begins_the_word_beside_it() {
    for is_ocr in [false, true] {
        for (initial, first, want) in [
            (
                "O",
                "nce the ice had settled on the lower canal, the first boat",
                "Once the ice",
            ),
            (
                "“T",
                "hey will never come, said the old man, while the first boat",
                "“They will",
            ),
            (
                "W",
                "HEN THE ICE had settled on the lower canal, the first boat",
                "WHEN THE ICE",
            ),
            (
                "I",
                "t had been cold on the lower canal for weeks, and the boat",
                "It had been",
            ),
            (
                "A",
                "little after noon, on the lower canal, the first of the boats",
                "A little after",
            ),
        ] {
            let text = markdown(chapter(initial, [first, REST[0], REST[1]], is_ocr));
            assert!(text.starts_with(want), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
        }
    }
}

#[test]
fn a_letter_beside_sentences_of_their_own_stays_apart() {
    let rows = [
        "Anchors are kept in the northern store of the harbour board",
        "Buoys are kept in the southern store, with the lamps for them",
        "Chains are kept in the yard, as they are too heavy for shelves",
    ];
    let text = markdown(chapter("A", rows, false));
    assert!(
        !text.contains("AAnchors") && text.contains("Anchors are"),
        "{text}"
    );
}
