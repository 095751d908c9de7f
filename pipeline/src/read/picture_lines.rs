//! Lines of pictures: which of the lines read beside a page's own text stand together in one picture or drawing.
//!
//! If such lines are running text or a figure's labels, layout says: a letter may have been scanned into a page, and
//! paragraphs may be drawn as outlines.

use crate::page::{Rect, TextLine};

/// Distance of lines of one drawing, in heights of the line. Columns of text are closer side by side than the labels
/// of a diagram are below one another.
const REACH_ACROSS: f32 = 3.0;
const REACH_DOWN: f32 = 6.0;
/// Fewest lines of a picture: one or two are a title, a logo, a stamp.
const MIN_LINES: usize = 3;

/// The pictures that those of `lines` stand in that were read, which have the indices in `read`: the indices of each
/// one's lines. `images` are the places of the page's images.
pub(super) fn picture_lines(
    lines: &[TextLine],
    read: &[usize],
    images: &[Rect],
) -> Vec<Vec<usize>> {
    let mut groups: Vec<(Rect, Vec<usize>)> = Vec::new();
    for &index in read {
        let bounds = lines[index].quad.bounds();
        // The label of an axis may run up the page.
        let height = bounds.height().min(bounds.width());
        let mut reach = bounds.widened(REACH_ACROSS * height, REACH_DOWN * height);
        for image in images.iter().filter(|image| image.holds_middle_of(&bounds)) {
            reach = reach.union(image);
        }
        let mut group = (bounds, vec![index]);
        let mut at = 0;
        while at < groups.len() {
            if overlap(&groups[at].0, &reach) {
                let (area, members) = groups.swap_remove(at);
                group.0 = group.0.union(&area);
                group.1.extend(members);
                // What it now holds may reach groups that were passed over.
                reach = reach.union(&group.0);
                at = 0;
            } else {
                at += 1;
            }
        }
        groups.push(group);
    }
    let mut pictures: Vec<Vec<usize>> = groups
        .into_iter()
        .map(|(_, lines)| lines)
        .filter(|lines| lines.len() >= MIN_LINES)
        .collect();
    pictures.iter_mut().for_each(|lines| lines.sort_unstable());
    pictures.sort();
    pictures
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    a.left <= b.right && b.left <= a.right && a.top <= b.bottom && b.top <= a.bottom
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(left: f32, top: f32) -> TextLine {
        let bounds = Rect {
            left,
            top,
            right: left + 30.0,
            bottom: top + 12.0,
        };
        TextLine {
            text: "label".to_owned(),
            quad: bounds.into(),
            ..TextLine::default()
        }
    }

    #[test]
    fn lines_near_one_another_stand_in_one_drawing() {
        let lines = [
            line(20.0, 20.0),
            line(40.0, 80.0),
            line(60.0, 140.0),
            line(400.0, 80.0),
        ];
        assert_eq!(picture_lines(&lines, &[0, 1, 2, 3], &[]), [vec![0, 1, 2]]);
        assert!(picture_lines(&lines, &[0, 1, 3], &[]).is_empty());
    }

    #[test]
    fn what_lies_in_one_image_is_one_picture() {
        let lines = [line(10.0, 10.0), line(250.0, 180.0), line(130.0, 100.0)];
        let image = Rect {
            left: 0.0,
            top: 0.0,
            right: 300.0,
            bottom: 200.0,
        };
        assert_eq!(picture_lines(&lines, &[0, 1, 2], &[image]), [vec![0, 1, 2]]);
        assert!(picture_lines(&lines, &[0, 1, 2], &[]).is_empty());
    }
}
