//! An engine without a model: says of each page how large it is, in one line. For tests of what
//! surrounds an engine: order, windows, fairness, cancelling, failures.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use recto_schemas::{EngineName, FinishReason};

use super::{
    Engine, EngineError, EngineInfo, EngineRequest, EngineResponse, EngineUsage, OcrContent,
    OcrResult, PendingResponse,
};
use crate::{
    image::PageImage,
    page::{Rect, TextLine},
};

/// Decides what the fake does with a request: its serial number in, the time it takes and the answer's
/// fate out.
pub type FakeScript = dyn Fn(u64) -> (Duration, Result<(), EngineError>) + Send + Sync;

/// An engine without a model.
pub struct FakeEngine {
    info: EngineInfo,
    script: &'static FakeScript,
    submitted: AtomicU64,
    in_flight: Mutex<InFlight>,
}

/// Number of requests in flight at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct InFlight {
    now: usize,
    /// The most there ever were.
    pub most: usize,
}

impl FakeEngine {
    /// A fake that wants `pages_per_request` pages at once and `max_in_flight` requests in flight, and does as
    /// `script` says.
    pub fn new(
        pages_per_request: u32,
        max_in_flight: u32,
        script: &'static FakeScript,
    ) -> &'static Self {
        let info = EngineInfo {
            name: EngineName::Ppocr,
            model: "fake".to_owned(),
            model_sha256: "0".repeat(64),
            revision: None,
            scripts: &[],
            dpi: 72.0,
            max_side_px: 2_000,
            reads_parts: true,
            pages_per_request,
            max_in_flight,
            batch: None,
            memory: None,
        };
        // Its requests outlive the caller's borrow; a test's engine may as well live for ever.
        Box::leak(Box::new(Self {
            info,
            script,
            submitted: AtomicU64::new(0),
            in_flight: Mutex::default(),
        }))
    }

    /// Number of requests in flight at once.
    pub fn in_flight(&self) -> InFlight {
        *self.in_flight.lock().expect("no holder panics")
    }

    fn answer(&self, request: &EngineRequest, serial: u64) -> EngineResponse {
        let (time, fate) = (self.script)(serial);
        let cancelled = request.cancel.sleep(time);
        self.in_flight.lock().expect("no holder panics").now -= 1;
        if cancelled {
            return Err(EngineError::Cancelled);
        }
        fate.map(|()| {
            request
                .pages
                .iter()
                .enumerate()
                .map(|(i, page)| describe(i, page))
                .collect()
        })
    }
}

impl Engine for &'static FakeEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn submit(&self, request: EngineRequest) -> Result<PendingResponse, EngineError> {
        let (ticket, reply) = PendingResponse::new(request.cancel.clone());
        let serial = self.submitted.fetch_add(1, Ordering::Relaxed);
        {
            let mut in_flight = self.in_flight.lock().expect("no holder panics");
            in_flight.now += 1;
            in_flight.most = in_flight.most.max(in_flight.now);
        }
        let fake = *self;
        thread::spawn(move || reply.send(fake.answer(&request, serial)));
        Ok(ticket)
    }

    fn usage(&self) -> EngineUsage {
        EngineUsage::default()
    }
}

fn describe(index: usize, page: &PageImage) -> OcrResult {
    let bounds = Rect {
        left: 10.0,
        top: 10.0,
        right: 90.0,
        bottom: 22.0,
    };
    let line = TextLine {
        text: format!("page of {} by {}", page.width, page.height),
        quad: bounds.into(),
        confidence: Some(1.0),
        size: 12.0,
        style: Default::default(),
        tag: None,
        lead: None,
        read_by: None,
        formulas: Vec::new(),
        region: None,
    };
    OcrResult {
        first: index,
        count: 1,
        engine: EngineName::Ppocr,
        content: OcrContent::Regions(vec![line]),
        unread: None,
        rotation: 0,
        skew_deg: 0.0,
        stop: FinishReason::End,
        confidence: Some(1.0),
        decoding: None,
        raw: None,
        queued: Duration::ZERO,
        inference_time: Duration::ZERO,
    }
}
