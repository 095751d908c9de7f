//! The review page: each page's image beside its text, lines linked to their boxes, in one file that
//! needs neither network nor script.
//!
//! Written page by page as pages are ready; of a page that is written, only its number is kept. All
//! text comes from documents and is untrusted: it is escaped, and the page's own
//! `Content-Security-Policy` lets nothing but its style and its images through.

pub(crate) mod html;
mod overlay;
mod math;
mod blocks;

use std::{
    ffi::OsStr,
    fmt, fs,
    io::{self, Write},
    path::PathBuf,
};

use recto_schemas::{LineRecord, PageCounts, PageOutcome, PageSummary};

use self::{
    html::{push_args, push_plain, push_text},
    overlay::FigureSource,
};
use super::AssembledPage;
use crate::image::preview::PagePreview;

/// Documents of at most so many pages carry their images in the review page itself.
pub const MAX_INLINE_PAGES: u32 = 50;
/// Lines and pages read with less confidence than this are marked.
pub const LOW_CONFIDENCE: f32 = 0.8;

/// Keeps an image: file name and content.
type SaveImage<'a> = dyn FnMut(&str, &[u8]) -> io::Result<()> + 'a;

/// The folder beside the review page for the images of long documents.
pub struct ReviewImages<'a> {
    /// The folder's name as a relative address.
    folder: String,
    keep: Box<SaveImage<'a>>,
}

impl<'a> ReviewImages<'a> {
    /// Images go to `keep`, by file name and content; the review page looks for them in a folder of
    /// that name beside itself.
    pub fn new(folder: &OsStr, keep: impl FnMut(&str, &[u8]) -> io::Result<()> + 'a) -> Self {
        Self {
            folder: html::url_segment(folder.as_encoded_bytes()),
            keep: Box::new(keep),
        }
    }

    /// Images go to `folder`, which is beside the review page and is created with the first of them.
    pub fn in_folder(folder: PathBuf) -> Self {
        let name = folder.file_name().unwrap_or_default().to_owned();
        let mut made = false;
        Self::new(&name, move |file, content| {
            if !made {
                fs::create_dir_all(&folder)?;
                made = true;
            }
            fs::write(folder.join(file), content)
        })
    }
}

impl fmt::Debug for ReviewImages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Images")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// A review page that is being written.
#[derive(Debug)]
pub struct ReviewWriter<'a, W> {
    out: W,
    /// The folder for images; `None` if they are in the page itself.
    images: Option<ReviewImages<'a>>,
    counts: PageCounts,
    failed: Vec<u32>,
    /// Bytes written.
    written: u64,
    /// The places of the level in the tags around each heading, in bytes.
    headings: Vec<[u64; 2]>,
    /// Pages worth a look: number, lines that were read with low confidence.
    uncertain: Vec<(u32, usize)>,
}

impl<'a, W: Write> ReviewWriter<'a, W> {
    /// Starts the review page of a document: `title` is its name, `pages` how many are to come. Above
    /// [`MAX_INLINE_PAGES`] their images go to `images`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn start(
        mut out: W,
        title: &str,
        pages: u32,
        images: ReviewImages<'a>,
    ) -> io::Result<Self> {
        let inline = pages <= MAX_INLINE_PAGES;
        let head = head(title, pages, inline);
        out.write_all(head.as_bytes())?;
        Ok(Self {
            out,
            written: head.len() as u64,
            headings: Vec::new(),
            images: (!inline).then_some(images),
            counts: PageCounts::default(),
            failed: Vec::new(),
            uncertain: Vec::new(),
        })
    }

    /// Writes the next page. Without a preview, its boxes are on a blank sheet.
    ///
    /// # Errors
    /// Those of `out` and of the images' folder.
    pub fn page(
        &mut self,
        page: &AssembledPage,
        summary: &PageSummary,
        preview: Option<&PagePreview>,
    ) -> io::Result<()> {
        let picture = self.picture(page.number, preview)?;
        let uncertain = page.lines.iter().filter(|line| is_uncertain(line)).count();
        self.counts.add(summary.outcome);
        if summary.outcome == PageOutcome::Failed {
            self.failed.push(page.number);
        } else if uncertain > 0
            || is_low(summary.confidence)
            || summary.outcome == PageOutcome::Partial
        {
            self.uncertain.push((page.number, uncertain));
        }
        let mut html = String::new();
        let class = if summary.outcome == PageOutcome::Empty {
            " class=\"empty\""
        } else {
            ""
        };
        push_plain(
            &mut html,
            format_args!("<section id=\"p{}\"{class}>\n", page.number),
        );
        push_header(&mut html, page.number, summary);
        overlay::push_figure(&mut html, page, summary, &picture);
        if page.blocks.is_empty() {
            push_note(&mut html, summary);
        } else {
            let headings = blocks::push_blocks(&mut html, page).into_iter();
            self.headings
                .extend(headings.map(|places| places.map(|at| self.written + at as u64)));
        }
        html.push_str("</section>\n");
        self.written += html.len() as u64;
        self.out.write_all(html.as_bytes())
    }

    /// The bytes to change in the page for headings of those levels: places, and what belongs there. Pages are written
    /// before the levels of their headings are known.
    pub fn level_changes(&self, levels: &[u8]) -> Vec<(u64, u8)> {
        let places = self.headings.iter().zip(levels);
        places
            .flat_map(|(places, level)| places.map(|at| (at, blocks::level_digit(*level))))
            .collect()
    }

    /// Writes the counts and the list of pages worth a look, and gives `out` back, flushed.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        let mut html = String::from("<footer>\n");
        push_counts(&mut html, &self.counts);
        if !self.failed.is_empty() {
            html.push_str("<p class=\"bad\">Failed: page");
            push_links(&mut html, self.failed.iter().map(|&page| (page, 0)));
        }
        if !self.uncertain.is_empty() {
            html.push_str(
                "<p>Worth a look, with the number of lines read with low confidence: page",
            );
            push_links(&mut html, self.uncertain.iter().copied());
        }
        html.push_str("</footer>\n</body>\n</html>\n");
        self.out.write_all(html.as_bytes())?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn picture<'p>(
        &mut self,
        page: u32,
        preview: Option<&'p PagePreview>,
    ) -> io::Result<FigureSource<'p>> {
        let Some(preview) = preview.filter(|preview| !preview.jpeg.is_empty()) else {
            return Ok(FigureSource::None);
        };
        let Some(ReviewImages { folder, keep }) = &mut self.images else {
            return Ok(FigureSource::Inline(preview));
        };
        let file = format!("{page:04}.jpg");
        keep(&file, &preview.jpeg)?;
        Ok(FigureSource::Beside(preview, format!("{folder}/{file}")))
    }
}

/// Returns true if a line was read with low confidence.
fn is_uncertain(line: &LineRecord) -> bool {
    is_low(line.confidence)
}

fn is_low(confidence: Option<f32>) -> bool {
    confidence.is_some_and(|confidence| confidence < LOW_CONFIDENCE)
}

/// The start of the review page, before the first page of the document.
fn head(title: &str, pages: u32, inline: bool) -> String {
    let style = html::style();
    let images = if inline { "data:" } else { "'self' file:" };
    let mut html = html::opened(title, &style, images);
    html.push_str("<header>\n<h1><bdi>");
    push_text(&mut html, title);
    push_plain(
        &mut html,
        format_args!(
            "</bdi></h1>\n<p class=\"dim\">{}. Point at a line or its box to see the other; click to go there.</p>\n</header>\n",
            counted(pages, "page")
        ),
    );
    html
}

/// Writes the outcome of the page, above it.
fn push_header(html: &mut String, page: u32, summary: &PageSummary) {
    push_plain(
        html,
        format_args!("<header><h2><a href=\"#p{page}\">Page {page}</a></h2>"),
    );
    let (class, outcome) = match summary.outcome {
        PageOutcome::Ok => ("dim", "read"),
        PageOutcome::Partial => ("bad", "read in part"),
        PageOutcome::Empty => ("dim", "empty"),
        PageOutcome::TextLayer => ("dim", "the document’s own text"),
        PageOutcome::Failed => ("bad", "failed"),
    };
    push_plain(html, format_args!("<span class=\"{class}\">{outcome}"));
    if let Some(engine) = summary
        .engine
        .as_deref()
        .filter(|_| matches!(summary.outcome, PageOutcome::Ok | PageOutcome::Partial))
    {
        push_args(html, format_args!(" by {engine}"));
    }
    html.push_str("</span>");
    if let Some(confidence) = summary.confidence {
        let class = if is_low(Some(confidence)) {
            "doubt"
        } else {
            "dim"
        };
        let percent = confidence * 100.0;
        push_plain(
            html,
            format_args!("<span class=\"{class}\">{percent:.0} % sure</span>"),
        );
    }
    if let Some(dpi) = summary.dpi {
        push_plain(
            html,
            format_args!("<span class=\"dim\">{dpi:.0} dpi</span>"),
        );
    }
    if summary.rotation != 0 {
        push_plain(
            html,
            format_args!("<span class=\"dim\">turned by {}°</span>", summary.rotation),
        );
    }
    if let Some(reason) = summary
        .reason
        .as_ref()
        .filter(|_| summary.outcome != PageOutcome::Failed)
    {
        html.push_str("<span class=\"dim\">");
        push_text(html, &reason.message);
        html.push_str("</span>");
    }
    html.push_str("</header>\n");
}

/// In place of text: why there is none.
fn push_note(html: &mut String, summary: &PageSummary) {
    let (class, note) = match (summary.outcome, &summary.reason) {
        (PageOutcome::Failed, Some(reason)) => ("note bad", reason.message.as_str()),
        (PageOutcome::Failed, None) => ("note bad", "this page could not be read"),
        (PageOutcome::Partial, Some(reason)) => ("note bad", reason.message.as_str()),
        (PageOutcome::Empty, None) => ("note dim", "Nothing stands on this page."),
        _ => ("note dim", "No text was found on this page."),
    };
    push_plain(html, format_args!("<p class=\"{class}\">"));
    push_text(html, note);
    html.push_str("</p>\n");
}

fn push_counts(html: &mut String, counts: &PageCounts) {
    let parts: Vec<String> = [
        (counts.ok - counts.partial, "read"),
        (counts.partial, "read in part"),
        (counts.text_layer, "taken from the document’s own text"),
        (counts.empty, "empty"),
        (counts.failed, "failed"),
    ]
    .into_iter()
    .filter(|&(count, _)| count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if !parts.is_empty() {
        push_plain(
            html,
            format_args!("<p class=\"dim\">{}.</p>\n", parts.join(", ")),
        );
    }
}

/// Ends a paragraph with links to pages, each with a number behind it unless that is 0.
fn push_links(html: &mut String, pages: impl Iterator<Item = (u32, usize)>) {
    for (index, (page, lines)) in pages.enumerate() {
        html.push_str(if index == 0 { " " } else { ", " });
        push_plain(html, format_args!("<a href=\"#p{page}\">{page}"));
        if lines > 0 {
            push_plain(html, format_args!(" ({lines})"));
        }
        html.push_str("</a>");
    }
    html.push_str("</p>\n");
}

fn counted(count: u32, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

#[cfg(test)]
mod tests;
