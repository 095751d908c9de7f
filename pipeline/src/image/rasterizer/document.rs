//! Open document: one file, the children that have it open, and what their errors mean.

use std::fs::File;

use recto_schemas::DocumentLimits;
use rustix::process::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

use super::{
    RasterError, Rasterizer, cannot_start,
    pool::{ChildLease, PoolGrant},
    process::{CallDeadline, CallError, ChildProcess},
    validate,
};
use crate::{
    cancel::CancelToken,
    clock::AwakeInstant,
    image::protocol::{ChildError, ChildReply, ChildRequest, ConfineRequest, OpenRequest},
    sandbox::SandboxReport,
};

/// An open document; several threads may ask for its pages at once.
#[derive(Debug)]
pub struct OpenDocument<'r> {
    pub(super) rasterizer: &'r Rasterizer,
    number: u64,
    file: File,
    password: Option<String>,
    pub(super) limits: DocumentLimits,
    info: DocumentInfo,
}

/// Facts of a document that are known once it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentInfo {
    /// `pdf`, `png`, `jpeg`, `jp2`, `tiff`, `webp`, `gif` or `bmp`.
    pub format: &'static str,
    /// Number of pages, at least 1.
    pub pages: u32,
    /// True if it is encrypted (and could be opened all the same).
    pub encrypted: bool,
    /// Its bookmarks, in the order of its outline.
    pub bookmarks: Vec<Bookmark>,
}

/// A bookmark of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmark {
    /// Its depth in the outline, 1 for the outermost.
    pub depth: u8,
    /// Its title; never empty.
    pub title: String,
    /// The one-based page that it leads to, if that is known.
    pub page: Option<u32>,
}

/// A child that has the document open. Dropping it ends the child.
pub(super) struct LeasedChild<'r> {
    // Before the lease, so that the child has ended when another one may start.
    child: ChildProcess,
    lease: ChildLease<'r, ChildProcess>,
}

impl<'r> OpenDocument<'r> {
    /// Opens `file` in a new child.
    pub(super) fn open(
        rasterizer: &'r Rasterizer,
        file: File,
        password: Option<&str>,
        limits: &DocumentLimits,
        cancel: &CancelToken,
    ) -> Result<Self, RasterError> {
        let mut document = Self {
            rasterizer,
            number: rasterizer.pool.new_document(),
            file,
            password: password.map(str::to_owned),
            limits: limits.clone(),
            info: DocumentInfo {
                format: "",
                pages: 0,
                encrypted: false,
                bookmarks: Vec::new(),
            },
        };
        let (lease, child) = match rasterizer.pool.acquire(document.number, cancel)? {
            PoolGrant::Child(lease, child) => (lease, child),
            PoolGrant::Slot(lease) => {
                let (child, info) = document.start_child(cancel)?;
                document.info = info;
                (lease, child)
            }
        };
        lease.keep(child);
        Ok(document)
    }

    /// Facts of the document.
    pub fn info(&self) -> &DocumentInfo {
        &self.info
    }

    /// Waits for a child that has the document open.
    pub(super) fn child(&self, cancel: &CancelToken) -> Result<LeasedChild<'r>, RasterError> {
        let (lease, child) = match self.rasterizer.pool.acquire(self.number, cancel)? {
            PoolGrant::Child(lease, child) => (lease, child),
            PoolGrant::Slot(lease) => (lease, self.start_child(cancel)?.0),
        };
        Ok(LeasedChild { child, lease })
    }

    fn start_child(
        &self,
        cancel: &CancelToken,
    ) -> Result<(ChildProcess, DocumentInfo), RasterError> {
        // One for all that opening takes: the child's start, its sandbox and the document.
        let deadline = page_deadline(&self.limits, cancel);
        let (mut child, _) = start_child(self.rasterizer, &self.file, &self.limits, deadline)?;
        let open = OpenRequest {
            password: self.password.clone(),
            // Its first child has told what is known of it.
            with_bookmarks: self.info.pages == 0,
        };
        match child.call(&ChildRequest::Open(open), deadline) {
            Ok(ChildReply::Opened {
                format,
                pages,
                encrypted,
                bookmarks,
            }) => {
                let info = DocumentInfo {
                    format: format.as_str(),
                    pages,
                    encrypted,
                    bookmarks: bookmarks
                        .into_iter()
                        .filter_map(validate::bookmark)
                        .collect(),
                };
                Ok((child, info))
            }
            answer => Err(opening_error(self.rasterizer, &self.limits, answer)),
        }
    }

    /// The deadline of a page whose work starts now.
    pub(super) fn page_deadline<'c>(&self, cancel: &'c CancelToken) -> CallDeadline<'c> {
        page_deadline(&self.limits, cancel)
    }

    /// The error of a page whose child gave no answer.
    pub(super) fn call_error(&self, error: &CallError) -> RasterError {
        call_error(&self.limits, error)
    }

    /// The error that a child gave for an answer.
    pub(super) fn child_error(&self, error: ChildError) -> RasterError {
        child_error(self.rasterizer, &self.limits, error)
    }
}

impl Drop for OpenDocument<'_> {
    fn drop(&mut self) {
        self.rasterizer.pool.forget(self.number);
    }
}

impl LeasedChild<'_> {
    /// Returns true if the child has not been asked for a page yet.
    pub(super) fn is_new(&self) -> bool {
        self.lease.served == 0
    }

    /// Counts a page that the child is asked for.
    pub(super) fn count_page(&mut self) {
        self.lease.served += 1;
    }

    /// Asks the child, and makes an error of an answer that is one. Then the child is fit for further pages unless
    /// it ran out of memory, which leaves it in an unknown state.
    pub(super) fn call(
        mut self,
        document: &OpenDocument<'_>,
        request: &ChildRequest,
        deadline: CallDeadline<'_>,
    ) -> Result<(Self, ChildReply), RasterError> {
        if matches!(request, ChildRequest::Inspect { .. }) {
            let (request_s, max_s) = cpu_time(document.rasterizer, &document.limits);
            self.child.allow_cpu_time(request_s, max_s);
        }
        match self.child.call(request, deadline) {
            Ok(ChildReply::Failed(error)) => {
                if error != ChildError::OutOfMemory {
                    self.keep(document);
                }
                Err(document.child_error(error))
            }
            Ok(reply) => Ok((self, reply)),
            Err(error) => Err(document.call_error(&error)),
        }
    }

    /// Fills `buffer` with what the child sends after its answer.
    pub(super) fn receive(
        &mut self,
        document: &OpenDocument<'_>,
        buffer: &mut [u8],
        deadline: CallDeadline<'_>,
    ) -> Result<(), RasterError> {
        self.child
            .receive(buffer, deadline)
            .map_err(|error| document.call_error(&error))
    }

    /// Keeps the child for the document's next page, unless it has served its share of pages.
    pub(super) fn keep(self, document: &OpenDocument<'_>) {
        let pages_per_child = document.rasterizer.config.pages_per_child;
        if self.lease.served < pages_per_child.max(1) {
            self.lease.keep(self.child);
        }
    }
}

/// The error of a child whose answer does not fit the question.
pub(super) fn protocol_violation() -> RasterError {
    RasterError::Crashed("its answer makes no sense".to_owned())
}

/// Starts a child on `file` that has put itself into its sandbox, and tells what became of that.
pub(super) fn start_child(
    rasterizer: &Rasterizer,
    file: &File,
    limits: &DocumentLimits,
    deadline: CallDeadline<'_>,
) -> Result<(ChildProcess, SandboxReport), RasterError> {
    let config = &rasterizer.config;
    let (cpu_s, max_cpu_s) = cpu_time(rasterizer, limits);
    let confine = ConfineRequest {
        parent: std::process::id(),
        pdfium: config.pdfium.clone(),
        font_dirs: config.font_dirs.clone(),
        layers: config.sandbox.layers,
        max_memory_bytes: limits.rasterizer_memory.bytes(),
        cpu_s,
        max_cpu_s,
    };
    let mut child = rasterizer
        .spawner
        .start(file)
        .map_err(|e| cannot_start(&e))?;
    match child.call(&ChildRequest::Confine(confine), deadline) {
        Ok(ChildReply::Confined(report)) => {
            if config.sandbox.required && !report.is_sufficient() {
                return Err(RasterError::SandboxMissing(report.missing()));
            }
            Ok((child, report))
        }
        answer => Err(opening_error(rasterizer, limits, answer)),
    }
}

/// Processor time of a child for each request and in all, in seconds.
fn cpu_time(rasterizer: &Rasterizer, limits: &DocumentLimits) -> (u64, u64) {
    // Well after the deadline, which counts wall time.
    let request_s = (limits.page_timeout.as_secs_f64() * 2.0) as u64 + 10;
    let pages = u64::from(rasterizer.config.pages_per_child.max(1));
    // This process's own limit is its children's, too.
    let most = getrlimit(Resource::Cpu).maximum.unwrap_or(u64::MAX);
    (request_s, request_s.saturating_mul(pages + 1).min(most))
}

/// The error of a child that answered something else than was asked for, or nothing.
fn opening_error(
    rasterizer: &Rasterizer,
    limits: &DocumentLimits,
    answer: Result<ChildReply, CallError>,
) -> RasterError {
    match answer {
        Ok(ChildReply::Failed(error)) => child_error(rasterizer, limits, error),
        Ok(_) => protocol_violation(),
        Err(CallError::Timeout) => RasterError::OpenTimeout {
            limit_s: limits.page_timeout.as_secs_f64().to_string(),
        },
        Err(error) => call_error(limits, &error),
    }
}

/// The deadline of what starts now.
pub(super) fn page_deadline<'c>(
    limits: &DocumentLimits,
    cancel: &'c CancelToken,
) -> CallDeadline<'c> {
    CallDeadline {
        at: AwakeInstant::now().checked_add(*limits.page_timeout),
        cancel,
    }
}

fn call_error(limits: &DocumentLimits, error: &CallError) -> RasterError {
    match error {
        CallError::Timeout => RasterError::PageTimeout {
            limit_s: limits.page_timeout.as_secs_f64().to_string(),
        },
        CallError::Cancelled => RasterError::Cancelled,
        CallError::OutOfMemory => out_of_memory(limits),
        CallError::Crashed(reason) => RasterError::Crashed(reason.clone()),
    }
}

fn child_error(rasterizer: &Rasterizer, limits: &DocumentLimits, error: ChildError) -> RasterError {
    match error {
        ChildError::NotADocument(why) => RasterError::NotADocument(why),
        ChildError::Damaged(why) => RasterError::Damaged(why),
        ChildError::NoPages => RasterError::NoPages,
        ChildError::Encrypted => RasterError::Encrypted,
        ChildError::WrongPassword => RasterError::WrongPassword,
        ChildError::Unsupported(what) => RasterError::Unsupported(what),
        ChildError::TooLarge(why) => RasterError::PageTooLarge(why),
        ChildError::PageDamaged(why) => RasterError::PageDamaged(why),
        ChildError::OutOfMemory => out_of_memory(limits),
        ChildError::PdfiumMissing(why) => RasterError::PdfiumMissing {
            path: rasterizer.config.pdfium.clone(),
            why,
        },
        ChildError::Io(why) => RasterError::Io(why),
    }
}

fn out_of_memory(limits: &DocumentLimits) -> RasterError {
    RasterError::OutOfMemory {
        limit_mib: limits.rasterizer_memory.bytes() >> 20,
    }
}
