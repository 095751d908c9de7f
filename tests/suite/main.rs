//! What a user may rely on, shown with real processes and documents.

mod rasterizer;
