//! A picture as a PDF of one page, a point for each pixel: PDFium decodes what no Rust decoder here does, or not row by row.

use std::fmt::Write as _;

use super::{
    bitmap::{DrawnPage, Placement, Samples},
    pdfium::{Band, PdfFile, PdfPage, PdfiumLibrary},
};
use crate::{image::protocol::ChildError, sandbox::limits};

/// Pixels that are drawn at a time where a picture is wanted in its own size.
const BAND_PIXELS: u32 = 4 << 20;

/// Compressed picture data as PDF describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PictureCode {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// The members of the image's dictionary that tell how it is coded.
    pub members: String,
}

/// A PDF of one picture.
pub(super) struct PicturePdf {
    document: PdfFile,
    size: (u32, u32),
}

impl PictureCode {
    /// The code of a JPEG with its own headers.
    pub fn jpeg(data: &[u8]) -> Option<Self> {
        Self::jpeg_with(data, "")
    }

    /// The code of a JPEG, with further `members`.
    pub fn jpeg_with(data: &[u8], members: &str) -> Option<Self> {
        let frame = JpegFrame::find(data)?;
        let (space, decode) = match frame.components {
            1 => ("DeviceGray", ""),
            3 => ("DeviceRGB", ""),
            // Adobe's programs store inks inverted.
            4 if frame.is_adobe => ("DeviceCMYK", "/Decode[1 0 1 0 1 0 1 0]"),
            4 => ("DeviceCMYK", ""),
            _ => return None,
        };
        Some(Self {
            size: frame.size,
            members: format!(
                "/ColorSpace/{space}/BitsPerComponent 8/Filter/DCTDecode{decode}{members}"
            ),
        })
    }

    /// The code of a JPEG 2000 file or codestream, which tells its colors itself.
    pub fn jpeg2000(size: (u32, u32)) -> Self {
        Self {
            size,
            members: "/Filter/JPXDecode".to_owned(),
        }
    }
}

/// The frame header of a JPEG (ITU-T T.81, B.2.2).
struct JpegFrame {
    size: (u32, u32),
    components: u8,
    is_adobe: bool,
    is_progressive: bool,
}

impl JpegFrame {
    fn find(data: &[u8]) -> Option<Self> {
        let mut at = 2;
        let mut is_adobe = false;
        loop {
            let marker = *data.get(at + 1)?;
            if *data.get(at)? != 0xFF {
                return None;
            }
            if marker == 0xFF {
                at += 1;
                continue;
            }
            let length = usize::from(word(data, at + 2)?);
            match marker {
                // Start of a frame, but not of tables (C4, CC) or reserved (C8).
                0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                    return Some(Self {
                        size: (word(data, at + 7)?.into(), word(data, at + 5)?.into()),
                        components: *data.get(at + 9)?,
                        is_adobe,
                        // SOF2, SOF6, SOF10 and SOF14.
                        is_progressive: marker & 0b11 == 0b10,
                    });
                }
                0xEE => is_adobe |= data.get(at + 4..at + 9) == Some(b"Adobe"),
                _ => {}
            }
            at += 2 + length;
        }
    }
}

/// Returns true if a JPEG comes in passes, each over the whole picture.
pub(super) fn is_progressive(data: &[u8]) -> bool {
    JpegFrame::find(data).is_some_and(|frame| frame.is_progressive)
}

fn word(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

impl PicturePdf {
    /// Makes the PDF of a picture.
    pub fn open(lib: PdfiumLibrary, code: &PictureCode, data: Vec<u8>) -> Result<Self, ChildError> {
        let pdf = wrap(code, &data);
        // Both may be large.
        drop(data);
        let document = lib.open_bytes(pdf).map_err(|_| undrawable())?;
        Ok(Self {
            document,
            size: code.size,
        })
    }

    /// Draws the picture as a page's bitmap.
    pub fn draw(&self, placement: Placement) -> Result<DrawnPage, ChildError> {
        let (width, height) = placement.stored_size();
        let band = Band {
            width,
            height,
            first: 0,
            rows: height,
        };
        let page = self.document.page(0).ok_or_else(undrawable)?;
        let pixels = draw_band(&page, band, Samples::Rgb)?;
        self.check_drawn(&pixels)?;
        Ok(DrawnPage {
            rgb: placement.turned(Samples::Rgb, pixels),
            cut: None,
        })
    }

    /// Refuses a drawing without anything on it, if that is because the data cannot be decoded: PDFium does not say so.
    pub fn check_drawn(&self, drawn: &[u8]) -> Result<(), ChildError> {
        /// Side of a drawing on black, in pixels.
        const PROBE: u32 = 16;
        if drawn.iter().any(|&color| color != 0xFF) {
            return Ok(());
        }
        let mut pixels = vec![0; (PROBE * PROBE * 3) as usize];
        let band = Band {
            width: PROBE,
            height: PROBE,
            first: 0,
            rows: PROBE,
        };
        let page = self.document.page(0).ok_or_else(undrawable)?;
        match page.render_rgb_band(&mut pixels, band) && pixels.iter().any(|&color| color != 0) {
            true => Ok(()),
            false => Err(undrawable()),
        }
    }

    /// Draws the picture pixel for pixel and gives its rows to `put_row`, in gray or in RGB.
    pub fn rows(&self, samples: Samples, put_row: impl FnMut(&[u8])) -> Result<(), ChildError> {
        self.scaled_rows(self.size, samples, put_row)
    }

    /// Draws the picture in that size and gives its rows to `put_row`.
    pub fn scaled_rows(
        &self,
        (width, height): (u32, u32),
        samples: Samples,
        mut put_row: impl FnMut(&[u8]),
    ) -> Result<(), ChildError> {
        // One page for all bands: PDFium keeps what it has decoded as long as the page is loaded.
        let page = self.document.page(0).ok_or_else(undrawable)?;
        let rows_at_once = (BAND_PIXELS / width.max(1)).max(1);
        let mut first = 0;
        while first < height {
            let rows = rows_at_once.min(height - first);
            let band = Band {
                width,
                height,
                first,
                rows,
            };
            let pixels = draw_band(&page, band, samples)?;
            pixels
                .chunks_exact(width as usize * samples.bytes())
                .for_each(&mut put_row);
            first += rows;
        }
        Ok(())
    }
}

fn draw_band(page: &PdfPage<'_>, band: Band, samples: Samples) -> Result<Vec<u8>, ChildError> {
    let length = band.width as usize * band.rows as usize * samples.bytes();
    let mut pixels = Vec::new();
    pixels
        .try_reserve_exact(length)
        .map_err(|_| ChildError::OutOfMemory)?;
    pixels.resize(length, 0xFF);
    limits::forget_out_of_memory();
    let drawn = if samples == Samples::Gray {
        page.render_gray_band(&mut pixels, band)
    } else {
        page.render_rgb_band(&mut pixels, band)
    };
    if limits::out_of_memory() {
        return Err(ChildError::OutOfMemory);
    }
    if drawn { Ok(pixels) } else { Err(undrawable()) }
}

fn undrawable() -> ChildError {
    ChildError::PageDamaged("its picture data cannot be drawn".to_owned())
}

/// A PDF of one page that shows the picture.
fn wrap(code: &PictureCode, data: &[u8]) -> Vec<u8> {
    let PictureCode {
        size: (width, height),
        members,
    } = code;
    let content = format!("{width} 0 0 {height} 0 0 cm /I Do");
    let page = format!(
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width} {height}]/Contents 5 0 R\
         /Resources<</XObject<</I 4 0 R>>>>>>"
    );
    let image = format!(
        "<</Type/XObject/Subtype/Image/Width {width}/Height {height}{members}/Length {}>>",
        data.len()
    );
    let content_head = format!("<</Length {}>>", content.len());
    write_pdf(&[
        (b"<</Type/Catalog/Pages 2 0 R>>", None),
        (b"<</Type/Pages/Kids[3 0 R]/Count 1>>", None),
        (page.as_bytes(), None),
        (image.as_bytes(), Some(data)),
        (content_head.as_bytes(), Some(content.as_bytes())),
    ])
}

/// Bytes of such a PDF without its streams.
const HEADS_BYTES: usize = 4096;

/// A PDF of these objects, each a dictionary and perhaps a stream, the first being the catalog.
fn write_pdf(objects: &[(&[u8], Option<&[u8]>)]) -> Vec<u8> {
    let streams = objects
        .iter()
        .filter_map(|(_, stream)| Some(stream.as_ref()?.len()));
    let mut pdf = Vec::with_capacity(streams.sum::<usize>() + HEADS_BYTES);
    pdf.extend_from_slice(b"%PDF-1.4\n");
    let mut offsets = Vec::new();
    for (number, (dictionary, stream)) in (1..).zip(objects) {
        offsets.push(pdf.len());
        pdf.extend(format!("{number} 0 obj\n").bytes());
        pdf.extend_from_slice(dictionary);
        if let Some(stream) = stream {
            pdf.extend_from_slice(b"\nstream\n");
            pdf.extend_from_slice(stream);
            pdf.extend_from_slice(b"\nendstream");
        }
        pdf.extend_from_slice(b"\nendobj\n");
    }
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", offsets.len() + 1);
    for offset in &offsets {
        let _ = writeln!(table, "{offset:010} 00000 n ");
    }
    let _ = write!(
        table,
        "trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{}\n%%EOF\n",
        offsets.len() + 1,
        pdf.len()
    );
    pdf.extend(table.bytes());
    pdf
}
