//! skeleton
fn main() {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == "raster-child")
    {
        std::process::exit(recto_pipeline::image::child::main());
    }
}
