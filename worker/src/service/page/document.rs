//! `/jobs/{id}/pages`: a document page by page, its picture beside its text, and the way from one doubtful line to the next.

use axum::extract::{Path, State};
use recto_pipeline::text::review::LOW_CONFIDENCE;
use recto_schemas::{LineRecord, PageRecord};
use serde::Deserialize;

use super::{
    Answer, Asked, ROWS, Visitor,
    batch::document_name,
    batch_address, file_address,
    html::{Escaped, Page},
    job::has_result,
    job_address, shown,
};
use crate::{
    ledger::record::JobRecord,
    service::{
        Shared,
        documents::without_result,
        keys::Scope,
        problem::Problem,
        results::{StoredResult, file_uri, job_of},
    },
    store::ObjectStore as _,
};

/// Largest `NAME.pages.jsonl` that is shown, in bytes: some 10,000 pages of print.
const MAX_RECORD_BYTES: u64 = 64 << 20;

/// The place in the document.
#[derive(Debug, Deserialize)]
pub(super) struct PlaceQuery {
    /// The page's number; the first one's if absent.
    page: Option<u32>,
    /// The line's index on the page.
    line: Option<usize>,
}

/// A line of a page.
type Place = (u32, usize);

/// The pages of a document as far as one of them is shown.
struct Document {
    /// Numbers of all pages, in order.
    numbers: Vec<u32>,
    /// Lines that were read with low confidence, in order.
    doubtful: Vec<Place>,
    /// The page that is shown.
    page: PageRecord<'static>,
}

/// `GET /jobs/{id}/pages`.
pub(super) async fn show(
    State(service): State<Shared>,
    Visitor(caller): Visitor,
    Path(id): Path<String>,
    Asked(query): Asked<PlaceQuery>,
) -> Answer<Page> {
    let record = job_of(&service, &caller, &id, Scope::Read).await?;
    if !has_result(&record) {
        return Err(without_result(&record).into());
    }
    let stored = StoredResult::of(&service, &record).await?;
    let bytes = records(&service, &stored).await?;
    let document = Document::read(&bytes, query.page)?;
    let name = document_name(&record.source);
    let address = job_address(&record.id);
    let number = document.page.page;
    let mut page = Page::new(format!("Page {number} of {name}"), Some(&caller))
        .below(shown(&record.batch), batch_address(&record.batch))
        .below(name, address.clone())
        .wide();
    let address = format!("{address}/pages");
    page.body += &document.links(&address, query.line);
    page.body += "<div class=\"beside\">\n";
    page.body += &picture(&record, &stored, &document.page, query.line);
    page.body += &text(&document.page, &address, query.line);
    page.body += "</div>\n";
    page.body += &document.list(&address);
    Ok(page)
}

/// The records of all pages.
async fn records(service: &Shared, stored: &StoredResult) -> Result<Vec<u8>, Problem> {
    let file = stored.file("pages.jsonl").ok_or_else(Problem::not_found)?;
    if file.bytes > MAX_RECORD_BYTES {
        return Err(Problem::bad_request(
            "the document is too long to be shown page by page; its review page and its Markdown have all of it",
        ));
    }
    let at = file_uri(&stored.folder, &file.name)?;
    let bytes = service.stores.read(&at, MAX_RECORD_BYTES).await?;
    bytes.ok_or_else(Problem::not_found)
}

impl Document {
    /// Reads the records as far as they are needed; `wanted` is the page that is shown.
    fn read(bytes: &[u8], wanted: Option<u32>) -> Result<Self, Problem> {
        let (mut numbers, mut doubtful, mut page) = (Vec::new(), Vec::new(), None);
        for line in bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let record: PageRecord<'static> = serde_json::from_slice(line).map_err(|error| {
                tracing::warn!(%error, "a record of a page cannot be read");
                Problem::busy("the pages of the result cannot be read; its Markdown may be")
            })?;
            numbers.push(record.page);
            let lines = record.lines.iter().enumerate();
            let lines = lines.filter(|(_, line)| is_doubtful(line));
            doubtful.extend(lines.map(|(index, _)| (record.page, index)));
            if wanted.is_none_or(|wanted| wanted == record.page) && page.is_none() {
                page = Some(record);
            }
        }
        let page = page.ok_or_else(Problem::not_found)?;
        Ok(Self {
            numbers,
            doubtful,
            page,
        })
    }

    /// The doubtful lines before and after the place that is shown.
    fn neighbors(&self, line: Option<usize>) -> [Option<Place>; 2] {
        let number = self.page.page;
        let before = |place: &&Place| **place < (number, line.unwrap_or(0));
        let after = |place: &&Place| match line {
            Some(line) => **place > (number, line),
            None => **place >= (number, 0),
        };
        [
            self.doubtful.iter().rev().find(before).copied(),
            self.doubtful.iter().find(after).copied(),
        ]
    }

    /// The ways to other pages and other doubtful lines.
    fn links(&self, address: &str, line: Option<usize>) -> String {
        let number = self.page.page;
        let at = self.numbers.iter().position(|other| *other == number);
        let at = at.unwrap_or(0);
        let page_before = at.checked_sub(1).and_then(|at| self.numbers.get(at));
        let page_after = self.numbers.get(at + 1);
        let to_page = |page: &u32| format!("{address}?page={page}");
        let to_line = |(page, line): Place| format!("{address}?page={page}&line={line}");
        let [doubt_before, doubt_after] = self.neighbors(line);
        let mut html = "<nav aria-label=\"Pages\"><ul class=\"tabs\">\n".to_owned();
        for (to, words, relation) in [
            (page_before.map(to_page), "Previous page", " rel=\"prev\""),
            (page_after.map(to_page), "Next page", " rel=\"next\""),
            (doubt_before.map(to_line), "Previous doubtful line", ""),
            (doubt_after.map(to_line), "Next doubtful line", ""),
        ] {
            html += &match to {
                Some(to) => format!(
                    "<li><a href=\"{}\"{relation}>{words}</a></li>\n",
                    Escaped(&to)
                ),
                None => format!("<li><span class=\"off\">{words}</span></li>\n"),
            };
        }
        html += "</ul></nav>\n";
        html + &format!(
            "<form action=\"{}\" class=\"row\"><label for=\"page\">Page</label>\n\
             <input type=\"number\" id=\"page\" name=\"page\" min=\"1\" value=\"{number}\" required>\n\
             <button>Go</button> <span>of {}; {}</span></form>\n",
            Escaped(address),
            self.numbers.len(),
            match self.doubtful.len() {
                0 => "no line is doubtful".to_owned(),
                1 => "1 line is doubtful".to_owned(),
                lines => format!("{lines} lines are doubtful"),
            }
        )
    }

    /// The pages with doubtful lines.
    fn list(&self, address: &str) -> String {
        let pages: Vec<&[Place]> = self.doubtful.chunk_by(|a, b| a.0 == b.0).collect();
        if pages.is_empty() {
            return String::new();
        }
        let mut html = "<h2>Pages with doubtful lines</h2>\n<ul class=\"tabs\">\n".to_owned();
        for lines in pages.iter().take(ROWS) {
            let (page, line) = lines[0];
            html += &format!(
                "<li><a href=\"{}?page={page}&amp;line={line}\">Page {page} ({})</a></li>\n",
                Escaped(address),
                lines.len()
            );
        }
        html += "</ul>\n";
        if pages.len() > ROWS {
            html += &format!("<p>And {} more pages.</p>\n", pages.len() - ROWS);
        }
        html
    }
}

/// Returns true if the line was read with low confidence.
fn is_doubtful(line: &LineRecord) -> bool {
    line.confidence
        .is_some_and(|confidence| confidence < LOW_CONFIDENCE)
}

/// The page's picture, with a box around the doubtful lines: from a file of its own in long documents, from the review page
/// in others, which has it within itself.
fn picture(
    record: &JobRecord,
    stored: &StoredResult,
    page: &PageRecord<'_>,
    line: Option<usize>,
) -> String {
    let number = page.page;
    let ending = format!(".images/{number:04}.jpg");
    let mut files = stored.manifest.files.iter();
    if let Some(image) = files.find(|file| file.name.ends_with(&ending)) {
        return format!(
            "<figure><img src=\"{}\" alt=\"Page {number} of the document\">{}</figure>\n",
            Escaped(&file_address(&record.id, &image.name)),
            boxes(page, line)
        );
    }
    let Some(review) = stored.file("html") else {
        return "<p>There is no picture: the job was submitted without the option <code>html</code>.</p>\n"
            .to_owned();
    };
    let place = match line {
        Some(line) => format!("p{number}b{line}"),
        None => format!("p{number}"),
    };
    let address = file_address(&record.id, &review.name);
    format!(
        "<iframe src=\"{}#{place}\" title=\"Review page, at page {number}\"></iframe>\n",
        Escaped(&address)
    )
}

/// A box over the picture for each doubtful line.
fn boxes(page: &PageRecord<'_>, line: Option<usize>) -> String {
    let (width, height) = (page.width_px, page.height_px);
    if width == 0 || height == 0 {
        return String::new();
    }
    let mut html = format!(
        "<svg viewBox=\"0 0 {width} {height}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
    );
    for (index, record) in page.lines.iter().enumerate() {
        let class = match line == Some(index) {
            true => "here",
            false if is_doubtful(record) => "doubt",
            false => continue,
        };
        // Corners that are no numbers become 0.
        let corners = record
            .quad
            .map(|[x, y]| format!("{},{}", x as i32, y as i32));
        html += &format!(
            "<polygon class=\"{class}\" points=\"{}\"/>",
            corners.join(" ")
        );
    }
    html + "</svg>"
}

/// The page's lines in reading order, doubtful ones marked.
fn text(page: &PageRecord<'_>, address: &str, line: Option<usize>) -> String {
    if page.lines.is_empty() {
        return "<p>This page has no text.</p>\n".to_owned();
    }
    let mut html =
        "<div class=\"text\" role=\"region\" aria-label=\"Text\" tabindex=\"0\">\n".to_owned();
    let mut block = None;
    for (index, record) in page.lines.iter().enumerate() {
        if block != Some(record.block) {
            html += if block.is_some() { "</p>\n<p>" } else { "<p>" };
            block = Some(record.block);
        } else {
            html += "<br>\n";
        }
        let text = Escaped(&record.text);
        html += &match is_doubtful(record) {
            true => format!(
                "<mark><a id=\"l{index}\" href=\"{}?page={}&amp;line={index}#l{index}\"{}><bdi>{text}</bdi></a></mark> <span class=\"dim\">{:.0} % sure</span>",
                Escaped(address),
                page.page,
                if line == Some(index) {
                    " aria-current=\"true\""
                } else {
                    ""
                },
                record.confidence.unwrap_or(0.0) * 100.0,
            ),
            false => format!("<bdi>{text}</bdi>"),
        };
    }
    html + "</p>\n</div>\n"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(wanted: Option<u32>) -> Result<Document, Problem> {
        let line = |text: &str, confidence: f32| {
            json!({"text": text, "quad": [[0, 0], [9, 0], [9, 5], [0, 5]], "confidence": confidence,
                   "role": "paragraph", "block": 0})
        };
        let page = |number: u32, lines: serde_json::Value| {
            json!({"schema": "recto.page/v1", "page": number, "outcome": "ok", "width_px": 10, "height_px": 10,
                   "lines": lines})
            .to_string()
        };
        let pages = [
            page(1, json!([line("sure", 0.99), line("<b>doubt", 0.4)])),
            page(2, json!([])),
            page(4, json!([line("doubt", 0.5), line("doubt", 0.5)])),
        ];
        Document::read(pages.join("\n").as_bytes(), wanted)
    }

    #[test]
    fn the_doubtful_lines_are_a_chain_through_the_whole_document() {
        let first = document(None).unwrap();
        assert_eq!(first.numbers, [1, 2, 4]);
        assert_eq!(first.neighbors(None), [None, Some((1, 1))]);
        assert_eq!(first.neighbors(Some(1)), [None, Some((4, 0))]);
        let empty = document(Some(2)).unwrap();
        assert_eq!(empty.neighbors(None), [Some((1, 1)), Some((4, 0))]);
        let last = document(Some(4)).unwrap();
        assert_eq!(last.neighbors(Some(0)), [Some((1, 1)), Some((4, 1))]);
        assert_eq!(last.neighbors(Some(1)), [Some((4, 0)), None]);
        assert!(document(Some(3)).is_err());
    }

    #[test]
    fn doubtful_lines_are_marked_and_are_no_markup() {
        let html = text(&document(None).unwrap().page, "/jobs/j/pages", None);
        assert!(html.contains("<bdi>sure</bdi>"), "{html}");
        let marked = html.split("<mark>").nth(1).unwrap();
        assert!(
            marked.contains("&lt;b&gt;doubt") && marked.contains("40 % sure"),
            "{html}"
        );
    }
}
