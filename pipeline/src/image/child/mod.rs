//! Rasterizer child: the process that opens one document, from its first limit to its last page.
//!
//! A child knows one document: the file on its standard input, read by offset because other children
//! share it. Its standard output is the socket to the parent. It ends when the parent hangs up.

pub(crate) mod sandbox;
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

use std::{
    fs::File,
    io::{self, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    panic::{AssertUnwindSafe, catch_unwind},
};

pub(super) use self::source::{PDF_HEADER_WITHIN, begins_document};
use self::{pdfium::PdfiumLibrary, pread::PreadFile, source::DocumentFile, visibility::Bitmap};
use super::protocol::{
    ChildError, ChildReply, ChildRequest, EXIT_PANIC, EXIT_PROTOCOL, StartRequest, read_message,
    write_message,
};

/// Runs a child until its parent hangs up; gives the exit code.
pub fn main() -> i32 {
    // A panic's message could quote the document; the exit code says enough.
    std::panic::set_hook(Box::new(|_| {}));
    match catch_unwind(AssertUnwindSafe(serve)) {
        Ok(Ok(())) => 0,
        Ok(Err(_)) => EXIT_PROTOCOL,
        Err(_) => EXIT_PANIC,
    }
}

fn serve() -> io::Result<()> {
    let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut socket = UnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    let ChildRequest::Start(start) = read_message(&mut socket)? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let lib = match enter_sandbox(&start) {
        Ok(lib) => lib,
        Err(error) => return write_message(&mut socket, &ChildReply::Failed(error)),
    };
    let opened = PreadFile::new(file)
        .map_err(|e| ChildError::Io(e.to_string()))
        .and_then(|reader| DocumentFile::open(lib, reader, &start));
    let mut document = match opened {
        Ok(document) => document,
        Err(error) => return write_message(&mut socket, &ChildReply::Failed(error)),
    };
    write_message(&mut socket, &document.opened(start.with_bookmarks))?;
    serve_pages(&mut document, &mut socket, &start)
}

/// Loads PDFium and gives up all rights that reading a document does not need. PDFium comes first, so that a limit too
/// low for it shows as out of memory and not as a missing library; files come last, because the library is one.
fn enter_sandbox(start: &StartRequest) -> Result<PdfiumLibrary, ChildError> {
    let io = |e: io::Error| ChildError::Io(e.to_string());
    sandbox::set_parent_death_signal(start.parent).map_err(io)?;
    let lib =
        PdfiumLibrary::load(&start.pdfium, &start.font_dirs).map_err(ChildError::PdfiumMissing)?;
    sandbox::set_limits(start.max_memory_bytes).map_err(io)?;
    sandbox::allow_cpu_time(start.cpu_s);
    // A kernel without Landlock still has all the other limits.
    let _ = sandbox::restrict_filesystem(&start.font_dirs);
    Ok(lib)
}

/// Answers requests for pages. A page stays loaded from its inspection to its last bitmap.
fn serve_pages(
    document: &mut DocumentFile,
    socket: &mut UnixStream,
    start: &StartRequest,
) -> io::Result<()> {
    let mut next = next_request(socket)?;
    while let Some(request) = next {
        sandbox::allow_cpu_time(start.cpu_s);
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
