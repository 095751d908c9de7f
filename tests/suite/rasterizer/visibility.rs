//! The text of a page that a reader can see, and the text that fields of forms show.

use recto_pipeline::{
    cancel::CancelToken,
    image::rasterizer::{RenderRequest, TextLayerRequest},
};
use recto_schemas::DocumentLimits;

use super::{REQUEST, documents, first_page, open, rasterize, rasterizer};

/// The text that a reader sees of a page with that content and those resources beside a font.
fn visible_text(resources: &str, content: &[u8], more: &[(&str, Option<&[u8]>)]) -> String {
    let page = format!("/MediaBox[0 0 300 100]/Resources<</Font<</F 5 0 R>>{resources}>>");
    let bytes = documents::page_with(&page, content, more);
    let rasterizer = rasterizer(1, 100);
    let document = open(&rasterizer, &bytes, None, &DocumentLimits::default()).unwrap();
    let request = RenderRequest {
        dpi: 100.0,
        text_layer: TextLayerRequest::Visible,
        ..REQUEST
    };
    let page = rasterize(&document, 1, &request, &CancelToken::new()).unwrap();
    let lines = page.text_layer.unwrap().lines;
    let texts: Vec<String> = lines.into_iter().map(|line| line.text).collect();
    texts.join("\n")
}

#[test]
fn text_that_nobody_can_see_is_left_out() {
    let shown = "BT /F 12 Tf 20 70 Td (shown words) Tj ET";
    let ways = [
        (
            "white on white",
            "1 g BT /F 12 Tf 20 30 Td (hidden words) Tj ET",
        ),
        (
            "under a box",
            "BT /F 12 Tf 20 30 Td (hidden words) Tj ET 1 g 10 20 200 30 re f",
        ),
        (
            "under a bar",
            "BT /F 12 Tf 20 30 Td (hidden words) Tj ET 0 g 10 20 200 30 re f",
        ),
        (
            "outside a clip",
            "q 0 60 300 40 re W n BT /F 12 Tf 20 30 Td (hidden words) Tj ET Q",
        ),
        ("too small", "BT /F 0.3 Tf 20 30 Td (hidden words) Tj ET"),
        (
            "transparent",
            "q /T gs BT /F 12 Tf 20 30 Td (hidden words) Tj ET Q",
        ),
        (
            "written over",
            "BT /F 12 Tf 20 70 Td (hidden words) Tj ET 1 g 10 60 200 30 re f 0 g",
        ),
    ];
    for (way, hidden) in ways {
        let content = format!("{hidden} 0 g {shown}");
        let resources = "/ExtGState<</T<</ca 0.004>>>>";
        let text = visible_text(resources, content.as_bytes(), &[]);
        assert_eq!(text, "shown words", "{way}");
    }
    // Pale type, white type on a bar and type that is marked with a highlighter are there to be read.
    let ways = [
        "0.85 g BT /F 12 Tf 20 70 Td (shown words) Tj ET",
        "0 g 10 60 200 30 re f 1 g BT /F 12 Tf 20 70 Td (shown words) Tj ET",
        "BT /F 12 Tf 20 70 Td (shown words) Tj ET q /M gs 1 1 0 rg 10 60 200 30 re f Q",
    ];
    for content in ways {
        let resources = "/ExtGState<</M<</BM/Multiply>>>>";
        assert_eq!(
            visible_text(resources, content.as_bytes(), &[]),
            "shown words",
            "{content}"
        );
    }
}

#[test]
fn boxes_of_a_form_say_if_they_are_ticked() {
    let appearance = "<</Type/XObject/Subtype/Form/BBox[0 0 10 10]>>";
    let frame: &[u8] = b"0 0 10 10 re S";
    let cross: &[u8] = b"0 0 10 10 re S 0 0 m 10 10 l S 0 10 m 10 0 l S";
    let states = "/AP<</N<</Yes 9 0 R/Off 8 0 R>>>>";
    let ticked = format!(
        "<</Type/Annot/Subtype/Widget/FT/Btn/T(a)/V/Yes/AS/Yes/Rect[20 60 30 70]/F 4{states}>>"
    );
    let empty = format!(
        "<</Type/Annot/Subtype/Widget/FT/Btn/T(b)/V/Off/AS/Off/Rect[20 30 30 40]/F 4{states}>>"
    );
    let content = b"BT /F 12 Tf 36 60 Td (first) Tj 0 -30 Td (second) Tj ET";
    let bytes = documents::pdf(&[
        (
            "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R 7 0 R]>>>>",
            None,
        ),
        ("<</Type/Pages/Kids[3 0 R]/Count 1>>", None),
        (
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 100]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>/Annots[6 0 R 7 0 R]>>",
            None,
        ),
        ("<<>>", Some(content)),
        ("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", None),
        (&ticked, None),
        (&empty, None),
        (appearance, Some(frame)),
        (appearance, Some(cross)),
    ]);
    let page = first_page(&bytes).unwrap();
    let lines = page.text_layer.unwrap().lines;
    let mut texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["☐ second", "☒ first"]);
}
