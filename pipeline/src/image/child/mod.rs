//! Rasterizer child: the process that opens one document, from its first limit to its last page.
//!
//! A child knows one document: the file on its standard input, read by offset because other children
//! share it. Its standard output is the socket to the parent. It ends when the parent hangs up.

mod bitmap;
mod cut_images;
mod fixed_pitch;
mod fonts;
mod geometry;
mod object_walk;
mod page_text;
mod pdf;
mod pdfium;
mod image_file;
mod one_picture;
mod pread;
mod source;
mod stem_weight;
mod strikeouts;
mod tiff;
mod visibility;
#[cfg(any(test, fuzzing))]
pub(crate) mod header_checks;

use std::{
    fs::File,
    io::{self, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    panic::{AssertUnwindSafe, catch_unwind},
};

pub(super) use self::source::{PDF_HEADER_WITHIN, begins_document};
use self::{pdfium::PdfiumLibrary, pread::PreadFile, source::DocumentFile, visibility::Bitmap};
use super::protocol::{
    ChildError, ChildReply, ChildRequest, ConfineRequest, EXIT_PANIC, EXIT_PROTOCOL, read_message,
    write_message,
};
use crate::sandbox::{self, SandboxReport, limits::ProcessLimits};

/// Runs a child until its parent hangs up; gives the exit code.
pub fn main() -> i32 {
    // A panic's message could quote the document; the exit code says enough.
    std::panic::set_hook(Box::new(|_| {}));
    sandbox::close_inherited_descriptors();
    match catch_unwind(AssertUnwindSafe(serve)) {
        Ok(Ok(())) => 0,
        Ok(Err(_)) => EXIT_PROTOCOL,
        Err(_) => EXIT_PANIC,
    }
}

fn serve() -> io::Result<()> {
    let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut socket = UnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    let ChildRequest::Confine(confine) = read_message(&mut socket)? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let (lib, report) = match enter_sandbox(&confine) {
        Ok(entered) => entered,
        Err(error) => return write_message(&mut socket, &ChildReply::Failed(error)),
    };
    write_message(&mut socket, &ChildReply::Confined(report))?;
    let open = match next_request(&mut socket)? {
        Some(ChildRequest::Open(open)) => open,
        Some(_) => return Err(io::ErrorKind::InvalidData.into()),
        None => return Ok(()),
    };
    let opened = PreadFile::new(file)
        .map_err(|e| ChildError::Io(e.to_string()))
        .and_then(|reader| DocumentFile::open(lib, reader, &open, confine.max_memory_bytes));
    let mut document = match opened {
        Ok(document) => document,
        Err(error) => return write_message(&mut socket, &ChildReply::Failed(error)),
    };
    write_message(&mut socket, &document.opened(open.with_bookmarks))?;
    serve_pages(&mut document, &mut socket)
}

/// Loads PDFium and gives up all rights that reading a document does not need. PDFium comes first: it is a file, and a
/// limit too low for it shows as out of memory and not as a missing library.
fn enter_sandbox(confine: &ConfineRequest) -> Result<(PdfiumLibrary, SandboxReport), ChildError> {
    let lib = PdfiumLibrary::load(&confine.pdfium, &confine.font_dirs)
        .map_err(ChildError::PdfiumMissing)?;
    let limits = ProcessLimits {
        memory_bytes: confine.max_memory_bytes,
        cpu_s: confine.cpu_s,
        max_cpu_s: confine.max_cpu_s,
        processes: Some(0),
    };
    let report = sandbox::enter(confine.layers, &confine.font_dirs, &limits, confine.parent)
        .map_err(|e| ChildError::Io(e.to_string()))?;
    Ok((lib, report))
}

/// Answers requests for pages. A page stays loaded from its inspection to its last bitmap.
fn serve_pages(document: &mut DocumentFile, socket: &mut UnixStream) -> io::Result<()> {
    let mut next = next_request(socket)?;
    while let Some(request) = next {
        let ChildRequest::Inspect { page } = request else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let mut inspected = match document.inspect(page) {
            Ok(inspected) => inspected,
            Err(error) => {
                write_message(&mut *socket, &ChildReply::Failed(error))?;
                next = next_request(socket)?;
                continue;
            }
        };
        write_message(
            &mut *socket,
            &ChildReply::Inspected(inspected.inspection().clone()),
        )?;
        next = next_request(socket)?;
        while let Some(ChildRequest::Render {
            width,
            height,
            text_layer,
        }) = next
        {
            match inspected.render(width, height) {
                Ok(drawn) => {
                    let bitmap = Bitmap {
                        rgb: &drawn.rgb,
                        width,
                        height,
                    };
                    let text_layer = inspected.text(bitmap, text_layer);
                    let cut = drawn.cut;
                    write_message(&mut *socket, &ChildReply::Rendered { text_layer, cut })?;
                    socket.write_all(&drawn.rgb)?;
                }
                Err(error) => write_message(&mut *socket, &ChildReply::Failed(error))?,
            }
            next = next_request(socket)?;
        }
    }
    Ok(())
}

/// The next request; nothing if the parent hung up.
fn next_request(socket: &mut UnixStream) -> io::Result<Option<ChildRequest>> {
    match read_message(socket) {
        Ok(request) => Ok(Some(request)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}
