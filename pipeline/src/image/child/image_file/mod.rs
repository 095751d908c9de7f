//! Image files as documents: PNG, JPEG, WebP, GIF, BMP and JPEG 2000 are one page, TIFF is in [`super::tiff`].

mod header;
mod jpeg;
mod jpeg2000;
mod png;
mod whole;

use std::io::{BufReader, Seek, SeekFrom};

use image::{ImageDecoder, ImageFormat, ImageReader, Limits, metadata::Orientation};

pub(super) use self::{
    header::{ImageHeader, jp2_size},
    jpeg::has_end as jpeg_has_end,
    jpeg2000::begins as is_jpeg2000,
};
use super::{
    bitmap::{DrawnPage, Placement},
    pdfium::PdfiumLibrary,
    pread::PreadFile,
};
use crate::image::{
    inspection::PageInspection,
    protocol::{ChildError, DocumentFormat, PictureCut},
};

/// Bytes of a file in which its size and resolution are looked for: what cameras and scanners write before the picture
/// is smaller.
const HEAD_BYTES: usize = 64 << 10;

/// An image file of one page.
pub(super) struct ImageFile {
    lib: PdfiumLibrary,
    data: ImageData,
}

/// The bytes of an image file, and what reads them.
pub(super) struct ImageData {
    reader: PreadFile,
    codec: Codec,
    max_bytes: u64,
}

/// The decoder of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    /// The `image` crate.
    Image(ImageFormat),
    /// PDFium.
    Jpeg2000,
}

impl ImageFile {
    /// The image in `reader`; decoding may take `max_bytes` of memory.
    pub fn open(
        lib: PdfiumLibrary,
        reader: PreadFile,
        format: DocumentFormat,
        max_bytes: u64,
    ) -> Result<Self, ChildError> {
        let data = ImageData::new(reader, format, max_bytes);
        data.header()?;
        Ok(Self { lib, data })
    }

    /// Inspects it without decoding it.
    pub fn inspect(&self) -> Result<PageInspection, ChildError> {
        self.data.header()?.inspection()
    }

    /// Decodes it, upright, to a bitmap of that size.
    pub fn render(&self, size: (u32, u32)) -> Result<DrawnPage, ChildError> {
        let header = self.data.header()?;
        let placement = Placement {
            orientation: header.orientation,
            size,
        };
        match self.data.codec {
            Codec::Jpeg2000 => {
                let file = &self.data.reader;
                jpeg2000::draw(self.lib, file, header.size, placement, self.data.max_bytes)
            }
            Codec::Image(ImageFormat::Jpeg) => self.jpeg(placement),
            Codec::Image(ImageFormat::Png) => {
                match png::draw(self.data.start()?, placement, self.data.max_bytes)? {
                    Some(page) => Ok(page),
                    // Interlaced: its rows do not come in order.
                    None => self.whole(ImageFormat::Png, placement),
                }
            }
            Codec::Image(format) => self.whole(format, placement),
        }
    }

    fn whole(&self, format: ImageFormat, placement: Placement) -> Result<DrawnPage, ChildError> {
        let decoder = self.data.decoder(format)?;
        if decoder.total_bytes() > self.data.max_bytes {
            return Err(too_large(decoder.dimensions()));
        }
        whole::Decoded::read(decoder)?.draw(placement)
    }

    /// A JPEG of few pixels is decoded whole; one of many is left to PDFium, which takes it row by row.
    fn jpeg(&self, placement: Placement) -> Result<DrawnPage, ChildError> {
        let decoder = self.data.decoder(ImageFormat::Jpeg)?;
        if decoder.total_bytes() > self.data.max_bytes / jpeg::SHARE_OF_MEMORY {
            return jpeg::draw_by_pdfium(self.lib, &self.data.reader, placement);
        }
        let mut decoded = whole::Decoded::read(decoder)?;
        if jpeg::has_end(self.data.reader.clone()) {
            return decoded.draw(placement);
        }
        decoded.cut_where_gray();
        let mut page = decoded.draw(placement)?;
        // What is lost of one that comes in passes is not rows, but how sharp they are.
        if page.cut.is_none() && jpeg::is_progressive(&self.data.reader)? {
            page.cut = Some(PictureCut { rows: None });
        }
        Ok(page)
    }
}

impl ImageData {
    /// The image in `reader`; decoding may take `max_bytes` of memory.
    pub fn new(reader: PreadFile, format: DocumentFormat, max_bytes: u64) -> Self {
        Self {
            reader,
            codec: match format {
                DocumentFormat::Png => Codec::Image(ImageFormat::Png),
                DocumentFormat::Jpeg => Codec::Image(ImageFormat::Jpeg),
                DocumentFormat::Gif => Codec::Image(ImageFormat::Gif),
                DocumentFormat::Bmp => Codec::Image(ImageFormat::Bmp),
                DocumentFormat::Jpeg2000 => Codec::Jpeg2000,
                _ => Codec::Image(ImageFormat::WebP),
            },
            max_bytes,
        }
    }

    /// Its header; nothing of the picture is decoded.
    pub fn header(&self) -> Result<ImageHeader, ChildError> {
        let head = || {
            self.reader
                .head(HEAD_BYTES)
                .map_err(|e| ChildError::Io(e.to_string()))
        };
        let Codec::Image(format) = self.codec else {
            return jpeg2000::header(&head()?);
        };
        let mut decoder = self.decoder(format)?;
        Ok(ImageHeader {
            size: decoder.dimensions(),
            orientation: decoder.orientation().unwrap_or(Orientation::NoTransforms),
            dpi: match format {
                ImageFormat::Png => header::png_dpi(self.reader.clone()),
                ImageFormat::Jpeg => header::jpeg_dpi(&head()?),
                ImageFormat::Bmp => header::bmp_dpi(&head()?),
                _ => None,
            },
        })
    }

    fn decoder(&self, format: ImageFormat) -> Result<impl ImageDecoder, ChildError> {
        let mut reader = ImageReader::with_format(self.start()?, format);
        let mut limits = Limits::default();
        limits.max_alloc = Some(self.max_bytes);
        reader.limits(limits);
        reader.into_decoder().map_err(|e| image_error(&e))
    }

    fn start(&self) -> Result<BufReader<PreadFile>, ChildError> {
        let mut reader = self.reader.clone();
        reader
            .seek(SeekFrom::Start(0))
            .map_err(|e| ChildError::Io(e.to_string()))?;
        Ok(BufReader::new(reader))
    }
}

/// Returns true if `head` begins a BMP: two letters alone would be any text, so its header's length has to be one that there
/// is (`BITMAPCOREHEADER` to `BITMAPV5HEADER`).
pub(super) fn is_bmp(head: &[u8]) -> bool {
    let length = head.get(14..18).and_then(|bytes| bytes.try_into().ok());
    let known = [12, 40, 52, 56, 64, 108, 124];
    head.starts_with(b"BM")
        && length.is_some_and(|length| known.contains(&u32::from_le_bytes(length)))
}

/// The reason for a picture that is too large to decode.
pub(super) fn too_large(size: (u32, u32)) -> ChildError {
    let (width, height) = size;
    ChildError::TooLarge(format!(
        "the picture has {width} × {height} pixels, more than can be decoded; raise --rasterizer-memory"
    ))
}

fn image_error(error: &image::ImageError) -> ChildError {
    match error {
        image::ImageError::Limits(_) => ChildError::TooLarge(
            "the picture has more pixels than can be decoded; raise --rasterizer-memory".to_owned(),
        ),
        image::ImageError::Unsupported(e) => ChildError::Unsupported(e.to_string()),
        other => ChildError::Damaged(other.to_string()),
    }
}
