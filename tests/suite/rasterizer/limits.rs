//! Limits of time, memory and size.

use super::*;

#[test]
fn a_page_that_never_ends_is_stopped_and_the_next_one_comes() {
    let rasterizer = rasterizer(1, 100);
    let limits = DocumentLimits {
        page_timeout: "1500ms".parse().unwrap(),
        // It fills memory as it goes on.
        rasterizer_memory: "2GiB".parse().unwrap(),
        ..DocumentLimits::default()
    };
    let document = open(&rasterizer, &documents::endless(), None, &limits).unwrap();
    let start = Instant::now();
    let error = rasterize(&document, 1, &REQUEST, &CancelToken::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the page took longer than 1.5 s and was stopped; raise --page-timeout"
    );
    assert_eq!(error.kind().as_str(), "page-timeout");
    assert!(error.is_page_only());
    assert!(start.elapsed() < Duration::from_secs(10));
    let next = rasterize(&document, 2, &REQUEST, &CancelToken::new()).unwrap();
    assert_eq!(pixel(&next.image, 100, 50), BLACK);
}

#[test]
fn cancelling_does_not_wait_for_the_page() {
    let rasterizer = rasterizer(1, 100);
    let document = open(
        &rasterizer,
        &documents::endless(),
        None,
        &DocumentLimits::default(),
    )
    .unwrap();
    let cancel = CancelToken::new();
    let start = Instant::now();
    let result = std::thread::scope(|scope| {
        let page = scope.spawn(|| rasterize(&document, 1, &REQUEST, &cancel));
        cancel.cancel();
        page.join().unwrap()
    });
    assert_eq!(result.unwrap_err(), RasterError::Cancelled);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_memory_bomb_ends_within_its_limit() {
    let limits = DocumentLimits {
        rasterizer_memory: "300MiB".parse().unwrap(),
        ..DocumentLimits::default()
    };
    let rasterizer = rasterizer(1, 100);
    let document = open(&rasterizer, &documents::memory_bomb(), None, &limits).unwrap();
    let error = rasterize(&document, 1, &REQUEST, &CancelToken::new()).unwrap_err();
    assert_eq!(error, RasterError::OutOfMemory { limit_mib: 300 });
    assert!(error.is_page_only());
    // A limit that leaves no room for the bitmap says so, too.
    let large = RenderRequest {
        max_side_px: 6000,
        ..REQUEST
    };
    let tight = DocumentLimits {
        rasterizer_memory: "64MiB".parse().unwrap(),
        ..DocumentLimits::default()
    };
    let scan = documents::page_with("/MediaBox[0 0 6000 6000]", b"0 0 1 1 re f", &[]);
    let outcome = open(&rasterizer, &scan, None, &tight)
        .and_then(|document| rasterize(&document, 1, &large, &CancelToken::new()));
    assert_eq!(
        outcome.unwrap_err(),
        RasterError::OutOfMemory { limit_mib: 64 }
    );
}

#[test]
fn sizes_that_no_bitmap_can_show_have_a_reason() {
    let page = |media_box: &str| {
        let page = format!("/MediaBox[{media_box}]");
        let bytes = documents::page_with(&page, b"0 0 1 1 re f", &[]);
        let rasterizer = rasterizer(1, 100);
        let document = open(&rasterizer, &bytes, None, &DocumentLimits::default()).unwrap();
        let image_only = RenderRequest {
            dpi: 200.0,
            max_side_px: 20_000,
            text_layer: TextLayerRequest::None,
        };
        rasterize(&document, 1, &image_only, &CancelToken::new())
            .map(|page| (page.image.width, page.image.height, page.warnings.len()))
            .map_err(|error| error.kind().as_str())
    };
    assert_eq!(page("0 0 14400 14400"), Err("page-too-large"));
    assert_eq!(page("0 0 1 100000"), Err("page-too-large"));
    assert_eq!(page("0 0 1000000000 1000000000"), Err("page-too-large"));
    // Without an area of its own a page has letter size, as in viewers.
    assert_eq!(page("0 0 0 0"), Ok((1700, 2200, 0)));
    let (width, height, warnings) = page("0 0 2384 3370").unwrap();
    assert!(u64::from(width) * u64::from(height) <= 40_000_000);
    assert_eq!(warnings, 1, "at a lower resolution, and said so");
}
