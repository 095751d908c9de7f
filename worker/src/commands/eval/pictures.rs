//! Pictures of the worst cases: drawn from their documents, or as a part of the evaluation has left them.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use recto_pipeline::{
    cancel::CancelToken,
    image::{
        preview,
        rasterizer::{Rasterizer, RenderRequest, TextLayerRequest},
    },
};
use recto_schemas::{DocumentLimits, EvalCase};

/// Resolution that a picture is drawn at, in dots per inch: type of usual size is readable.
const DPI: f32 = 110.0;
/// Longest side of a picture before it is scaled down, in pixels.
const LONGEST_SIDE_PX: u32 = 4_000;

/// The source of pictures.
pub(super) enum CaseImages<'a> {
    /// From the documents.
    Drawn {
        /// The rasterizer that draws them.
        rasterizer: &'a Rasterizer,
        /// The limits of a page.
        limits: &'a DocumentLimits,
        /// For encrypted documents.
        password: Option<&'a str>,
        /// Stops drawing.
        cancel: &'a CancelToken,
    },
    /// From folders of parts.
    Kept(Vec<PathBuf>),
}

impl CaseImages<'_> {
    /// A case's page as a JPEG file; of a document that is one case its first page. `None` if there is none.
    pub(super) fn of(&self, case: &EvalCase) -> Option<Vec<u8>> {
        match self {
            Self::Kept(folders) => folders
                .iter()
                .find_map(|folder| fs::read(folder.join(file_name(case))).ok()),
            Self::Drawn {
                rasterizer,
                limits,
                password,
                cancel,
            } => {
                let file = File::open(&case.path).ok()?;
                let document = rasterizer.open(file, *password, limits, cancel).ok()?;
                let request = RenderRequest {
                    dpi: DPI,
                    max_side_px: LONGEST_SIDE_PX,
                    text_layer: TextLayerRequest::None,
                };
                let page = case.page.unwrap_or(1);
                let drawn = document.inspect(page, cancel).ok()?.render(&request).ok()?;
                let jpeg = preview::preview(&drawn.image, case.rotation).jpeg;
                (!jpeg.is_empty()).then_some(jpeg)
            }
        }
    }
}

/// The file name of a case's picture in the folder of a part.
pub(super) fn file_name(case: &EvalCase) -> String {
    format!("{}-{}.jpg", case.index, case.page.unwrap_or(0))
}
