//! The pool of child processes: documents in, pages out, deadlines kept.

mod checked;
mod error;
mod fonts;
mod pool;
mod process;
mod size;

use std::{
    fs::File,
    path::PathBuf,
    time::{Duration, Instant},
};

use recto_schemas::{DocumentLimits, ReadWarning};

pub use self::error::RasterError;
use self::{
    pool::{ChildLease, ChildPool, PoolGrant},
    process::{CallDeadline, CallError, ChildProcess, ChildSpawner},
};
use super::{
    PageImage,
    facts::PageInspection,
    protocol::{ChildError, ChildReply, ChildRequest, StartRequest},
};
use crate::{cancel::CancelToken, page::TextLine};

/// How children are started.
#[derive(Clone, Debug)]
pub struct RasterizerConfig {
    /// The program that becomes a child when its first argument is `raster-child`; `/proc/self/exe` for `recto` itself.
    pub program: PathBuf,
    /// PDFium's library.
    pub pdfium: PathBuf,
    /// Most children at any time, over all documents.
    pub children: usize,
    /// Pages after which a child is replaced by a new one.
    pub pages_per_child: u32,
    /// Where substitutes for fonts that are not embedded come from; [`DEFAULT_FONT_DIRS`] where empty.
    pub font_dirs: Vec<PathBuf>,
}

/// Where substitutes for fonts that are not embedded come from unless told otherwise: PDFium's own list for Linux.
pub const DEFAULT_FONT_DIRS: [&str; 4] = [
    "/usr/share/fonts",
    "/usr/share/X11/fonts/Type1",
    "/usr/share/X11/fonts/TTF",
    "/usr/local/share/fonts",
];

/// The children of a process, shared by all its documents.
#[derive(Debug)]
pub struct Rasterizer {
    config: RasterizerConfig,
    has_fonts: bool,
    pool: ChildPool,
    starter: ChildSpawner,
}

/// An open document; several threads may ask for its pages at once.
#[derive(Debug)]
pub struct OpenDocument<'r> {
    rasterizer: &'r Rasterizer,
    number: u64,
    file: File,
    password: Option<String>,
    limits: DocumentLimits,
    info: DocumentInfo,
}

/// What is known of a document once it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentInfo {
    /// `pdf`, `png`, `jpeg`, `tiff` or `webp`.
    pub format: &'static str,
    /// Pages it has; at least 1.
    pub pages: u32,
    /// Whether it is encrypted (and could be opened all the same).
    pub encrypted: bool,
}

/// What to make of a page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RenderRequest {
    /// Resolution wanted, in dots per inch; pictures are never scaled up to meet it.
    pub dpi: f32,
    /// Longest side of the bitmap in pixels; the resolution is lowered to meet it.
    pub max_side_px: u32,
    /// Which of the page's own text comes with it.
    pub text: TextLayerRequest,
}

/// Which of a page's own text is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextLayerRequest {
    /// None.
    None,
    /// What a viewer shows.
    Visible,
    /// All, hidden text too: for `--text-layer always`.
    All,
}

/// A page.
#[derive(Clone, Debug, PartialEq)]
pub struct RasterPage {
    /// What the child saw of it.
    pub facts: PageInspection,
    /// Its bitmap.
    pub image: PageImage,
    /// Its own text where it was wanted, in content order, in pixels of `image`.
    pub text: Option<Vec<TextLine>>,
    /// `fonts-missing`, `dpi-lowered`.
    pub warnings: Vec<ReadWarning>,
    /// From asking the child to having the page, without waiting for a child.
    pub raster: Duration,
}

impl Rasterizer {
    /// A rasterizer; starts no child yet.
    ///
    /// # Errors
    /// [`RasterError::PdfiumMissing`] where there is no such library.
    pub fn new(mut config: RasterizerConfig) -> Result<Self, RasterError> {
        if let Err(error) = config.pdfium.metadata() {
            return Err(RasterError::PdfiumMissing {
                path: config.pdfium,
                why: error.to_string(),
            });
        }
        if config.font_dirs.is_empty() {
            config.font_dirs = DEFAULT_FONT_DIRS.map(PathBuf::from).to_vec();
        }
        let starter = ChildSpawner::new(&config.program).map_err(|e| cannot_start(&e))?;
        Ok(Self {
            has_fonts: config.font_dirs.iter().any(|dir| fonts::has_fonts(dir)),
            pool: ChildPool::new(config.children),
            starter,
            config,
        })
    }

    /// Starts a child and opens `file` in it. Waits for a child where all are busy.
    ///
    /// # Errors
    /// Why the document cannot be opened; [`RasterError::Cancelled`].
    pub fn open<'r>(
        &'r self,
        file: File,
        password: Option<&str>,
        limits: &DocumentLimits,
        cancel: &CancelToken,
    ) -> Result<OpenDocument<'r>, RasterError> {
        let metadata = file
            .metadata()
            .map_err(|e| RasterError::Io(e.to_string()))?;
        if !metadata.is_file() {
            return Err(RasterError::Io("it is no regular file".to_owned()));
        }
        if metadata.len() > limits.max_document_size.bytes() {
            return Err(RasterError::DocumentTooLarge {
                bytes: metadata.len(),
                limit: limits.max_document_size.bytes(),
            });
        }
        let mut document = OpenDocument {
            rasterizer: self,
            number: self.pool.new_document(),
            file,
            password: password.map(str::to_owned),
            limits: limits.clone(),
            info: DocumentInfo {
                format: "",
                pages: 0,
                encrypted: false,
            },
        };
        let (lease, child) = match self.pool.acquire(document.number, cancel)? {
            PoolGrant::Child(lease, child) => (lease, child),
            PoolGrant::Room(lease) => {
                let (child, info) = document.start_child(cancel)?;
                document.info = info;
                (lease, child)
            }
        };
        lease.keep(child);
        Ok(document)
    }
}

impl Drop for OpenDocument<'_> {
    fn drop(&mut self) {
        self.rasterizer.pool.forget(self.number);
    }
}

impl OpenDocument<'_> {
    /// What is known of the document.
    pub fn info(&self) -> &DocumentInfo {
        &self.info
    }

    /// Rasterizes the one-based `page`. `plan` is called here, in the parent, with what a child saw of
    /// the page, and says what to make of it.
    ///
    /// # Errors
    /// Why there is no bitmap; where [`RasterError::is_page_only`] holds, other pages are worth asking for.
    pub fn page(
        &self,
        page: u32,
        plan: &dyn Fn(&PageInspection) -> RenderRequest,
        cancel: &CancelToken,
    ) -> Result<RasterPage, RasterError> {
        let pages = self.info.pages;
        if !(1..=pages).contains(&page) {
            return Err(RasterError::NoSuchPage { page, pages });
        }
        loop {
            let (lease, child) = match self.rasterizer.pool.acquire(self.number, cancel)? {
                PoolGrant::Child(lease, child) => (lease, child),
                PoolGrant::Room(lease) => (lease, self.start_child(cancel)?.0),
            };
            let fresh = lease.served == 0;
            match self.ask(page, plan, cancel, (lease, child)) {
                // A child may have come to its end by what it has done before; a new one is sure.
                Err(RasterError::OutOfMemory { .. } | RasterError::Crashed(_)) if !fresh => {}
                done => return done,
            }
        }
    }

    fn ask(
        &self,
        page: u32,
        plan: &dyn Fn(&PageInspection) -> RenderRequest,
        cancel: &CancelToken,
        (mut lease, mut child): (ChildLease<'_, ChildProcess>, ChildProcess),
    ) -> Result<RasterPage, RasterError> {
        let start = Instant::now();
        let deadline = self.deadline(cancel);
        let failed = |error: &CallError| self.page_error(error);
        // From here on an error drops the child, and so ends it, unless it is kept.
        lease.served += 1;
        let keep = |lease: ChildLease<'_, ChildProcess>, child: ChildProcess| {
            if lease.served < self.rasterizer.config.pages_per_child.max(1) {
                lease.keep(child);
            }
        };
        let inspect = ChildRequest::Inspect { page };
        let facts = match child.call(&inspect, deadline).map_err(|e| failed(&e))? {
            ChildReply::Facts(facts) => checked::facts(facts),
            ChildReply::Failed(fault) => {
                if fault != ChildError::OutOfMemory {
                    keep(lease, child);
                }
                return Err(self.fault(fault));
            }
            _ => return Err(out_of_turn()),
        };
        let plan = plan(&facts);
        let size = match size::bitmap_size(&facts, &plan, &self.limits) {
            Ok(size) => size,
            Err(error) => {
                keep(lease, child);
                return Err(error);
            }
        };
        let render = ChildRequest::Render {
            width: size.width,
            height: size.height,
            text: plan.text,
        };
        let text = match child.call(&render, deadline).map_err(|e| failed(&e))? {
            ChildReply::Rendered { text } => text,
            ChildReply::Failed(fault) => {
                if fault != ChildError::OutOfMemory {
                    keep(lease, child);
                }
                return Err(self.fault(fault));
            }
            _ => return Err(out_of_turn()),
        };
        // The size is this side's own, and within the limits.
        let mut rgb = vec![0; size.width as usize * size.height as usize * 3];
        child.receive(&mut rgb, deadline).map_err(|e| failed(&e))?;
        keep(lease, child);
        let text = (plan.text != TextLayerRequest::None)
            .then(|| checked::lines(text.unwrap_or_default(), size.width, size.height));
        Ok(RasterPage {
            text,
            warnings: size
                .warning
                .into_iter()
                .chain(self.font_warning(&facts))
                .collect(),
            image: PageImage {
                width: size.width,
                height: size.height,
                dpi: size.dpi,
                rgb,
            },
            facts,
            raster: start.elapsed(),
        })
    }

    fn start_child(
        &self,
        cancel: &CancelToken,
    ) -> Result<(ChildProcess, DocumentInfo), RasterError> {
        let config = &self.rasterizer.config;
        let timeout = self.limits.page_timeout.as_secs_f64();
        let start = StartRequest {
            parent: std::process::id(),
            pdfium: config.pdfium.clone(),
            font_dirs: config.font_dirs.clone(),
            max_memory_bytes: self.limits.rasterizer_memory.bytes(),
            // Well after the deadline, which counts wall time.
            cpu_s: (timeout * 2.0) as u64 + 10,
            password: self.password.clone(),
        };
        let deadline = self.deadline(cancel);
        let mut child = self
            .rasterizer
            .starter
            .start(&self.file)
            .map_err(|e| cannot_start(&e))?;
        match child.call(&ChildRequest::Start(start), deadline) {
            Ok(ChildReply::Opened {
                format,
                pages,
                encrypted,
            }) => {
                let info = DocumentInfo {
                    format: format.as_str(),
                    pages,
                    encrypted,
                };
                Ok((child, info))
            }
            Ok(ChildReply::Failed(fault)) => Err(self.fault(fault)),
            Ok(_) => Err(out_of_turn()),
            Err(CallError::Timeout) => Err(RasterError::OpenTimeout {
                limit_s: timeout.to_string(),
            }),
            Err(error) => Err(self.page_error(&error)),
        }
    }

    fn deadline<'c>(&self, cancel: &'c CancelToken) -> CallDeadline<'c> {
        CallDeadline {
            at: Instant::now().checked_add(*self.limits.page_timeout),
            cancel,
        }
    }

    fn page_error(&self, error: &CallError) -> RasterError {
        match error {
            CallError::Timeout => RasterError::PageTimeout {
                limit_s: self.limits.page_timeout.as_secs_f64().to_string(),
            },
            CallError::Cancelled => RasterError::Cancelled,
            CallError::OutOfMemory => self.out_of_memory(),
            CallError::Crashed(why) => RasterError::Crashed(why.clone()),
        }
    }

    fn fault(&self, fault: ChildError) -> RasterError {
        let text = |text: String| checked::sentence(&text);
        match fault {
            ChildError::NotADocument(why) => RasterError::NotADocument(text(why)),
            ChildError::Damaged(why) => RasterError::Damaged(text(why)),
            ChildError::NoPages => RasterError::NoPages,
            ChildError::Encrypted => RasterError::Encrypted,
            ChildError::WrongPassword => RasterError::WrongPassword,
            ChildError::Unsupported(what) => RasterError::Unsupported(text(what)),
            ChildError::TooLarge(why) => RasterError::PageTooLarge(text(why)),
            ChildError::PageDamaged(why) => RasterError::PageDamaged(text(why)),
            ChildError::OutOfMemory => self.out_of_memory(),
            ChildError::PdfiumMissing(why) => RasterError::PdfiumMissing {
                path: self.rasterizer.config.pdfium.clone(),
                why: text(why),
            },
            ChildError::Io(why) => RasterError::Io(text(why)),
        }
    }

    fn out_of_memory(&self) -> RasterError {
        RasterError::OutOfMemory {
            limit_mib: self.limits.rasterizer_memory.bytes() >> 20,
        }
    }

    /// The same words for every page, so that a document has the warning once whatever comes first.
    fn font_warning(&self, facts: &PageInspection) -> Option<ReadWarning> {
        if facts.substituted_fonts == 0 || self.rasterizer.has_fonts {
            return None;
        }
        let dirs: Vec<String> = self
            .rasterizer
            .config
            .font_dirs
            .iter()
            .map(|dir| dir.display().to_string())
            .collect();
        Some(ReadWarning {
            first_page: None,
            pages: 0,
            kind: "fonts-missing".to_owned(),
            message: format!(
                "the document uses fonts that it does not hold, and there are none to take their                  place in {}; install some (such as fonts-dejavu and fonts-noto-cjk), or text may                  be missing from pages",
                dirs.join(", ")
            ),
        })
    }
}

fn cannot_start(error: &std::io::Error) -> RasterError {
    RasterError::Io(format!(
        "a rasterizer process could not be started: {error}"
    ))
}

fn out_of_turn() -> RasterError {
    RasterError::Crashed("its answer makes no sense".to_owned())
}
