//! TIFFs of any kind, written here: the `tiff` crate writes few of them.

/// A picture in a TIFF. All pictures are black on their left half, white on their right.
pub struct TiffPicture {
    pub width: u32,
    pub height: u32,
    pub rows_per_strip: u32,
    /// Tags and their values, beside size and strips.
    pub tags: Vec<(u16, Vec<u32>)>,
    /// The bytes of each strip; if there are fewer than strips, the last one stands for the rest.
    pub strips: Vec<Vec<u8>>,
}

impl TiffPicture {
    /// The file, its directory first.
    pub fn write(&self) -> Vec<u8> {
        let strips = self.strip_count();
        let planes = self.planes();
        let mut entries = self.tags.clone();
        entries.push((256, vec![self.width]));
        entries.push((257, vec![self.height]));
        entries.push((278, vec![self.rows_per_strip]));
        entries.push((273, vec![0; (strips * planes) as usize]));
        entries.push((279, vec![0; (strips * planes) as usize]));
        entries.sort();
        let directory = 8 + 2 + 12 * entries.len() + 4;
        let lists: usize = entries.iter().map(|(_, values)| list_bytes(values)).sum();
        let mut places = Vec::new();
        let mut data = Vec::new();
        for strip in &self.strips {
            places.push((directory + lists + data.len(), strip.len()));
            data.extend_from_slice(strip);
        }
        let place = |at: usize| places[at.min(places.len() - 1)];
        let mut out = b"II*\0\x08\0\0\0".to_vec();
        out.extend((entries.len() as u16).to_le_bytes());
        let mut more = Vec::new();
        for (tag, values) in &mut entries {
            for (at, value) in values.iter_mut().enumerate() {
                match *tag {
                    273 => *value = place(at).0 as u32,
                    279 => *value = place(at).1 as u32,
                    // The first strip holds what these name.
                    513 => *value = place(0).0 as u32,
                    _ => {}
                }
            }
            out.extend(tag.to_le_bytes());
            out.extend(4_u16.to_le_bytes());
            out.extend((values.len() as u32).to_le_bytes());
            match values[..] {
                [one] => out.extend(one.to_le_bytes()),
                _ => {
                    out.extend(((directory + more.len()) as u32).to_le_bytes());
                    more.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                }
            }
        }
        out.extend([0; 4]);
        [out, more, data].concat()
    }

    fn strip_count(&self) -> u32 {
        self.height.div_ceil(self.rows_per_strip)
    }

    fn planes(&self) -> u32 {
        let value = |tag| self.tags.iter().find(|(known, _)| *known == tag);
        match value(284) {
            Some((_, planar)) if planar[0] == 2 => value(277).expect("samples").1[0],
            _ => 1,
        }
    }
}

fn list_bytes(values: &[u32]) -> usize {
    if values.len() == 1 {
        0
    } else {
        4 * values.len()
    }
}

/// Compressed by Zstandard as it is allowed to, not at all (RFC 8878, 3.1.1), up to 255 bytes.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    let block = ((bytes.len() as u32) << 3 | 1).to_le_bytes();
    let head = [0x28, 0xB5, 0x2F, 0xFD, 0x20, bytes.len() as u8];
    [&head, &block[..3], bytes].concat()
}
