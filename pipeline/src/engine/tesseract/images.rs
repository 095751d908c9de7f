//! Lines' images as Tesseract takes them: the pages of one TIFF file, in memory.

use std::io::Cursor;

use tiff::{
    encoder::{TiffEncoder, colortype::Gray8},
    tags::{ResolutionUnit, Tag},
};

use crate::engine::ppocr::fallback::LineImage;

/// A TIFF file with a page for each image.
///
/// # Errors
/// An image is no image; the text says why.
pub(super) fn tiff(images: &[&LineImage]) -> Result<Vec<u8>, String> {
    let mut file = Cursor::new(Vec::new());
    let written = write(&mut file, images);
    written.map_err(|error| format!("the lines make no TIFF file: {error}"))?;
    Ok(file.into_inner())
}

fn write(file: &mut Cursor<Vec<u8>>, images: &[&LineImage]) -> tiff::TiffResult<()> {
    let mut encoder = TiffEncoder::new(file)?;
    for image in images {
        let mut page = encoder.new_image::<Gray8>(image.width, image.height)?;
        // Tesseract takes its measures of type from the resolution.
        let dpi = tiff::encoder::Rational { n: image.dpi, d: 1 };
        page.resolution(ResolutionUnit::Inch, dpi);
        // A page of its own, and no smaller copy of another.
        page.encoder().write_tag(Tag::NewSubfileType, 2u32)?;
        page.write_data(&image.gray)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tiff::decoder::{Decoder, DecodingResult};

    use super::*;

    #[test]
    fn each_line_is_a_page() {
        let lines = [3u32, 5].map(|width| LineImage {
            width,
            height: 2,
            dpi: 200,
            gray: (0..width as u8 * 2).collect(),
        });
        let file = tiff(&lines.each_ref()).unwrap();
        let mut decoder = Decoder::new(Cursor::new(file)).unwrap();
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                decoder.next_image().unwrap();
            }
            assert_eq!(decoder.dimensions().unwrap(), (line.width, line.height));
            let DecodingResult::U8(gray) = decoder.read_image().unwrap() else {
                panic!("gray values");
            };
            assert_eq!(gray, line.gray);
        }
        assert!(!decoder.more_images());
    }
}
