//! Tiny documents, written here so that each test shows what it is about.

/// A PDF of these objects, each a dictionary (or other value) and perhaps a stream; the first is the catalog.
pub fn pdf(objects: &[(&str, Option<&[u8]>)]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (number, (value, stream)) in (1..).zip(objects) {
        offsets.push(out.len());
        let length = stream.map_or(String::new(), |s| format!("/Length {}>>", s.len()));
        let value = match stream {
            Some(_) => value.strip_suffix(">>").expect("a dictionary"),
            None => value,
        };
        out.extend(format!("{number} 0 obj\n{value}{length}\n").bytes());
        if let Some(stream) = stream {
            out.extend_from_slice(b"stream\n");
            out.extend_from_slice(stream);
            out.extend_from_slice(b"\nendstream\n");
        }
        out.extend_from_slice(b"endobj\n");
    }
    let xref = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", offsets.len() + 1).bytes());
    for offset in &offsets {
        out.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    out.extend(
        format!(
            "trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{xref}\n%%EOF\n",
            offsets.len() + 1
        )
        .bytes(),
    );
    out
}

/// A PDF of one page with that content, `page` being more of the page's dictionary and `more` the objects
/// from number 6 on. Font `/F` (object 5) is Helvetica.
pub fn page_with(page: &str, content: &[u8], more: &[(&str, Option<&[u8]>)]) -> Vec<u8> {
    let page = format!("<</Type/Page/Parent 2 0 R/Contents 4 0 R {page}>>");
    let mut objects: Vec<(&str, Option<&[u8]>)> = vec![
        ("<</Type/Catalog/Pages 2 0 R>>", None),
        ("<</Type/Pages/Kids[3 0 R]/Count 1>>", None),
        (&page, None),
        ("<<>>", Some(content)),
        ("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", None),
    ];
    objects.extend_from_slice(more);
    pdf(&objects)
}

/// A PDF whose pages have these contents, each with font `/F`, 200 × 100 points.
pub fn pages(contents: &[&[u8]]) -> Vec<u8> {
    let kids: Vec<String> = (0..contents.len())
        .map(|i| format!("{} 0 R", 4 + 2 * i))
        .collect();
    let tree = format!(
        "<</Type/Pages/Kids[{}]/Count {}>>",
        kids.join(" "),
        contents.len()
    );
    let page_values: Vec<String> = (0..contents.len())
        .map(|i| {
            format!(
                "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents {} 0 R\
                 /Resources<</Font<</F 3 0 R>>>>>>",
                5 + 2 * i
            )
        })
        .collect();
    let mut objects: Vec<(&str, Option<&[u8]>)> = vec![
        ("<</Type/Catalog/Pages 2 0 R>>", None),
        (&tree, None),
        ("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", None),
    ];
    for (value, content) in page_values.iter().zip(contents) {
        objects.push((value, None));
        objects.push(("<<>>", Some(content)));
    }
    pdf(&objects)
}

/// A page of forms that draw the next one ten times each, nine deep: a thousand million drawings.
pub fn endless() -> Vec<u8> {
    let draw = b"/X Do ".repeat(10);
    let forms: Vec<String> = (0..9)
        .map(|depth| {
            format!(
                "<</Type/XObject/Subtype/Form/BBox[0 0 200 100]\
                 /Resources<</XObject<</X {} 0 R>>>>>>",
                9 + depth
            )
        })
        .collect();
    let mut objects: Vec<(&str, Option<&[u8]>)> = vec![
        ("<</Type/Catalog/Pages 2 0 R>>", None),
        ("<</Type/Pages/Kids[3 0 R 5 0 R]/Count 2>>", None),
        (
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R\
             /Resources<</XObject<</X 8 0 R>>>>>>",
            None,
        ),
        ("<<>>", Some(&draw)),
        (
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 6 0 R>>",
            None,
        ),
        ("<<>>", Some(b"0 0 200 100 re f")),
        ("null", None),
    ];
    for form in &forms {
        objects.push((form, Some(&draw)));
    }
    objects.push((
        "<</Type/XObject/Subtype/Form/BBox[0 0 200 100]>>",
        Some(b"0 0 1 1 re f"),
    ));
    pdf(&objects)
}

/// A page whose content is a gibibyte of spaces, deflated twice to some ten thousand bytes.
pub fn memory_bomb() -> Vec<u8> {
    let once = deflate(&vec![b' '; 1 << 30], 1);
    let twice = deflate(&once, 13);
    let page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R>>";
    pdf(&[
        ("<</Type/Catalog/Pages 2 0 R>>", None),
        ("<</Type/Pages/Kids[3 0 R]/Count 1>>", None),
        (page, None),
        ("<</Filter[/FlateDecode/FlateDecode]>>", Some(&twice)),
    ])
}

/// Deflates bytes that mostly repeat themselves every `period` bytes, 4 to 16 or 1 (RFC 1951, fixed Huffman codes).
fn deflate(bytes: &[u8], period: usize) -> Vec<u8> {
    const LONGEST: usize = 258;
    // Distance codes, extra bits and where they start: 0 for distance 1, 7 for 13 to 16.
    let (distance, extra_bits) = match period {
        1 => (0, 0),
        13 => (7, 2),
        _ => unreachable!("not needed here"),
    };
    let mut bits = BitWriter::default();
    bits.push(0b011, 3);
    let mut at = 0;
    while at < bytes.len() {
        let repeats = at >= period
            && at + LONGEST <= bytes.len()
            && bytes[at..at + LONGEST] == bytes[at - period..at - period + LONGEST];
        if repeats {
            // Length 258 is code 285, the last of the eight-bit codes from 280 on.
            bits.push_code(0b1100_0101, 8);
            bits.push_code(distance, 5);
            bits.push(0, extra_bits);
            at += LONGEST;
        } else {
            match bytes[at] {
                byte @ 0..=143 => bits.push_code(0x30 + u32::from(byte), 8),
                byte => bits.push_code(0x190 + u32::from(byte) - 144, 9),
            }
            at += 1;
        }
    }
    bits.push_code(0, 7);
    [&[0x78, 0x9C][..], &bits.finish()].concat()
}

/// Bits from the lowest of each byte up.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    current: u32,
    filled: u32,
}

impl BitWriter {
    fn push(&mut self, value: u32, count: u32) {
        self.current |= value << self.filled;
        self.filled += count;
        while self.filled >= 8 {
            self.bytes.push(self.current as u8);
            self.current >>= 8;
            self.filled -= 8;
        }
    }

    /// Huffman codes go from their highest bit on.
    fn push_code(&mut self, code: u32, count: u32) {
        self.push(code.reverse_bits() >> (32 - count), count);
    }

    fn finish(mut self) -> Vec<u8> {
        self.push(0, 7);
        self.bytes
    }
}

/// A page of a TIFF: `Compression`, `T4Options`, `PhotometricInterpretation`, `FillOrder`, and strips of 16 rows each.
pub struct FaxPage {
    pub compression: u16,
    pub t4_options: u32,
    pub photometric: u16,
    pub fill_order: u16,
    pub strips: Vec<Vec<u8>>,
}

/// Rows of 64 white and 64 black pixels, 16 of them, in the compressions that fax machines use.
pub fn half_black_strip(compression: u16, two_dimensional: bool) -> Vec<u8> {
    // ITU-T T.4, tables 2 and 3: make-up code 64 and terminating code 0, white then black.
    const RUNS: &str = "1101100110101" /* white */;
    const BLACK: &str = "00000011110000110111";
    const EOL: &str = "000000000001";
    let mut bits = String::new();
    for row in 0..16 {
        match compression {
            2 => {
                bits += RUNS;
                bits += BLACK;
                while !bits.len().is_multiple_of(8) {
                    bits.push('0');
                }
            }
            3 if !two_dimensional => bits += &[EOL, RUNS, BLACK].concat(),
            3 if row % 2 == 0 => bits += &[EOL, "1", RUNS, BLACK].concat(),
            // Both edges as in the row above.
            3 => bits += &[EOL, "0", "11"].concat(),
            _ if row == 0 => bits += &["001", RUNS, BLACK].concat(),
            _ => bits += "11",
        }
    }
    if compression == 4 {
        bits += &[EOL, EOL].concat();
    }
    while !bits.len().is_multiple_of(8) {
        bits.push('0');
    }
    bits.as_bytes()
        .chunks(8)
        .map(|byte| byte.iter().fold(0, |value, bit| value << 1 | (bit - b'0')))
        .collect()
}

/// A TIFF of these pages, each 128 pixels wide.
pub fn tiff(pages: &[FaxPage]) -> Vec<u8> {
    let mut out = b"II*\0\0\0\0\0".to_vec();
    let mut link = 4;
    for page in pages {
        let starts: Vec<u32> = page
            .strips
            .iter()
            .map(|strip| {
                let start = out.len() as u32;
                out.extend_from_slice(strip);
                start
            })
            .collect();
        let lengths: Vec<u32> = page.strips.iter().map(|strip| strip.len() as u32).collect();
        let list = |out: &mut Vec<u8>, values: &[u32]| match values {
            [one] => *one,
            many => {
                let at = out.len() as u32;
                many.iter().for_each(|v| out.extend(v.to_le_bytes()));
                at
            }
        };
        let strips = page.strips.len() as u32;
        let starts = list(&mut out, &starts);
        let lengths = list(&mut out, &lengths);
        let entries: [(u16, u32, u32); 11] = [
            (256, 1, 128),
            (257, 1, 16 * strips),
            (258, 1, 1),
            (259, 1, u32::from(page.compression)),
            (262, 1, u32::from(page.photometric)),
            (266, 1, u32::from(page.fill_order)),
            (273, strips, starts),
            (277, 1, 1),
            (278, 1, 16),
            (279, strips, lengths),
            (292, 1, page.t4_options),
        ];
        let at = out.len() as u32;
        out[link..link + 4].copy_from_slice(&at.to_le_bytes());
        out.extend((entries.len() as u16).to_le_bytes());
        for (tag, count, value) in entries {
            out.extend(tag.to_le_bytes());
            out.extend(4_u16.to_le_bytes());
            out.extend(count.to_le_bytes());
            out.extend(value.to_le_bytes());
        }
        link = out.len();
        out.extend([0; 4]);
    }
    out
}

/// Puts an EXIF block that says nothing but `orientation` into a JPEG.
pub fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &exif, &jpeg[2..]].concat()
}
