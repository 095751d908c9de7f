//! The left side of a page: its picture, and over it a box for each line that leads to its text.

use recto_schemas::{LineRecord, PageSummary};

use super::{
    html::{push_data_url, push_plain, push_text},
    is_uncertain,
};
use crate::{image::preview::PagePreview, text::AssembledPage};

/// The source of a page's picture.
pub enum FigureSource<'a> {
    /// There is none.
    None,
    /// It is in the page itself.
    Inline(&'a PagePreview),
    /// It lies beside, at a relative address.
    Beside(&'a PagePreview, String),
}

/// Writes the page's picture with its boxes; nothing if there is neither.
pub fn push_figure(
    html: &mut String,
    page: &AssembledPage,
    summary: &PageSummary,
    picture: &FigureSource<'_>,
) {
    let size = summary.width_px.zip(summary.height_px);
    let boxes = size.filter(|&(width, height)| width > 0 && height > 0 && !page.lines.is_empty());
    if boxes.is_none() && matches!(picture, FigureSource::None) {
        return;
    }
    html.push_str("<figure><div>");
    push_picture(html, page.number, picture);
    if let Some((width, height)) = boxes {
        push_plain(
            html,
            format_args!("<svg viewBox=\"0 0 {width} {height}\" preserveAspectRatio=\"none\">\n"),
        );
        for (index, line) in page.lines.iter().enumerate() {
            push_box(html, page.number, index, line);
        }
        html.push_str("</svg>");
    }
    html.push_str("</div></figure>\n");
}

fn push_picture(html: &mut String, page: u32, picture: &FigureSource<'_>) {
    let preview = match picture {
        FigureSource::None => return,
        FigureSource::Inline(preview) => {
            html.push_str("<img src=\"");
            push_data_url(html, &preview.jpeg);
            preview
        }
        FigureSource::Beside(preview, address) => {
            html.push_str("<img loading=\"lazy\" src=\"");
            push_text(html, address);
            preview
        }
    };
    let (width, height) = (preview.width, preview.height);
    push_plain(
        html,
        format_args!("\" width=\"{width}\" height=\"{height}\" alt=\"Page {page}\">"),
    );
}

fn push_box(html: &mut String, page: u32, index: usize, line: &LineRecord) {
    push_plain(
        html,
        format_args!("<a id=\"p{page}b{index}\" href=\"#p{page}l{index}\" class=\""),
    );
    push_classes(html, index, line);
    html.push_str("\"><path d=\"");
    push_outline(html, line.quad);
    html.push_str("\"/></a>\n");
}

/// The classes that a line's box and its text share; see [`super::html::style`]. A page's lines from
/// the thousandth on are linked, but not marked together.
pub fn push_classes(html: &mut String, index: usize, line: &LineRecord) {
    if is_uncertain(line) {
        html.push_str("u ");
    }
    if index < 1_000 {
        let (ones, tens, hundreds) = (index % 10, index / 10 % 10, index / 100);
        push_plain(html, format_args!("a{ones} b{tens} c{hundreds}"));
    }
}

/// A line's corners as an SVG path, in whole pixels; short for upright boxes, which most are.
fn push_outline(html: &mut String, quad: [[f32; 2]; 4]) {
    // Corners that are no numbers become 0, others are cut to what an i32 holds.
    let [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] =
        quad.map(|corner| corner.map(|value| value.round() as i32));
    if x0 == x3 && x1 == x2 && y0 == y1 && y2 == y3 {
        push_plain(html, format_args!("M{x0} {y0}H{x1}V{y2}H{x0}z"));
    } else {
        push_plain(
            html,
            format_args!("M{x0} {y0} {x1} {y1} {x2} {y2} {x3} {y3}z"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_are_whole_pixels_whatever_the_corners() {
        let cases = [
            (
                [[10.4, 5.6], [99.5, 6.0], [99.6, 20.0], [10.0, 20.2]],
                "M10 6H100V20H10z",
            ),
            (
                [[0.0, 0.0], [9.0, 1.0], [9.0, 5.0], [0.0, 4.0]],
                "M0 0 9 1 9 5 0 4z",
            ),
            (
                [[f32::NAN, -1e30], [f32::INFINITY, 0.0], [0.0; 2], [0.0; 2]],
                "M0 -2147483648 2147483647 0 0 0 0 0z",
            ),
        ];
        for (quad, path) in cases {
            let mut html = String::new();
            push_outline(&mut html, quad);
            assert_eq!(html, path);
        }
    }
}
