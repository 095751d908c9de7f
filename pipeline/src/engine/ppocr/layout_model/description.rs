//! A layout model's description: the form of its input and output, as JSON beside its network.

use serde::Deserialize;

/// The description of a layout model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    /// The model's name.
    pub(super) name: String,
    /// The form of its output.
    pub(super) output: OutputForm,
    /// The names of its classes by their numbers; those in the network's metadata if there are none here.
    pub(super) classes: Option<Vec<String>>,
    /// The order of the image's channels.
    pub(super) channels: ChannelOrder,
    /// Taken from each channel's values, 0 to 1...
    #[serde(default)]
    pub(super) mean: [f32; 3],
    /// ...before they are divided by this.
    #[serde(default = "ones")]
    pub(super) std: [f32; 3],
    /// Width of the image in pixels, for a network that takes any.
    pub(super) width: Option<usize>,
    /// Height of the image in pixels, for a network that takes any.
    pub(super) height: Option<usize>,
}

/// The form of a layout model's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum OutputForm {
    /// PicoDet's bare heads: for each stride scores of the classes, and for each stride distributions of the four
    /// distances to a box's sides (PaddleDetection, `ppdet/modeling/heads/pico_head.py`).
    Picodet,
    /// Rows of class, score, left, top, right and bottom, as PaddleDetection's detectors export them with their
    /// post-processing: PP-DocLayout among them.
    Boxes,
}

/// The order of an image's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red, as OpenCV reads images.
    Bgr,
}

impl ChannelOrder {
    /// The place of each channel among red, green, blue.
    pub(super) fn of_rgb(self) -> [usize; 3] {
        match self {
            Self::Rgb => [0, 1, 2],
            Self::Bgr => [2, 1, 0],
        }
    }
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

impl Description {
    /// Reads a description.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        let description: Self = serde_json::from_slice(json).map_err(|e| e.to_string())?;
        if !description.std.iter().all(|value| *value > 0.0) {
            return Err("`std` has to be above 0".to_owned());
        }
        Ok(description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_says_what_it_has_to() {
        let text = br#"{"name": "a", "output": "boxes", "channels": "rgb", "classes": ["title"]}"#;
        let read = Description::parse(text).unwrap();
        assert_eq!((read.mean, read.std), ([0.0; 3], [1.0; 3]));

        let refused = |text: &str| Description::parse(text.as_bytes()).unwrap_err();
        assert!(refused(r#"{"output": "boxes", "channels": "rgb"}"#).contains("name"));
        assert!(
            refused(r#"{"name": "a", "output": "yolo", "channels": "rgb"}"#).contains("picodet")
        );
        let flat = r#"{"name": "a", "output": "boxes", "channels": "rgb", "std": [0, 1, 1]}"#;
        assert!(refused(flat).contains("std"));
    }
}
