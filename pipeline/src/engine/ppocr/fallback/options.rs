//! A document's options about the second reader, completed by the one that runs.

use recto_schemas::{FallbackReader, Options, ScriptFallback};

use crate::engine::OptionsError;

/// Makes a document's options those that are read with beside the second reader that `runs`: without a word of theirs it
/// reads, and what they say of it must be so.
pub(in crate::engine::ppocr) fn complete(
    options: &mut Options,
    runs: Option<&FallbackReader>,
) -> Result<(), OptionsError> {
    let wanted = match options.script_fallback {
        None => runs.is_some(),
        Some(ScriptFallback::None) => false,
        Some(ScriptFallback::Tesseract) => true,
    };
    if !wanted {
        // Written as if it had never been asked for, so that its result is found again.
        (options.script_fallback, options.fallback_reader) = (None, None);
        return Ok(());
    }
    let Some(runs) = runs else {
        return Err(OptionsError::Unavailable(
            "the document is to be read with `script_fallback` `tesseract`, which does not run here; start this with \
             --script-fallback tesseract, or leave the option out"
                .to_owned(),
        ));
    };
    if let Some(other) = options
        .fallback_reader
        .as_ref()
        .filter(|other| *other != runs)
    {
        return Err(OptionsError::Unavailable(format!(
            "the document is to be read by {} {} in {}, and {} {} in {} runs here; leave `fallback_reader` out",
            other.name,
            other.version,
            other.languages.join(","),
            runs.name,
            runs.version,
            runs.languages.join(","),
        )));
    }
    options.script_fallback = Some(ScriptFallback::Tesseract);
    options.fallback_reader = Some(runs.clone());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(version: &str) -> FallbackReader {
        FallbackReader {
            name: "tesseract".to_owned(),
            version: version.to_owned(),
            languages: vec!["rus".to_owned()],
            data_sha256: None,
        }
    }

    fn asked(script_fallback: Option<ScriptFallback>) -> Options {
        Options {
            script_fallback,
            ..Options::default()
        }
    }

    #[test]
    fn a_document_that_says_nothing_is_read_as_the_process_runs() {
        let mut options = asked(None);
        complete(&mut options, Some(&reader("5.3.0"))).unwrap();
        assert_eq!(options.script_fallback, Some(ScriptFallback::Tesseract));
        assert_eq!(options.fallback_reader, Some(reader("5.3.0")));
        // What was completed once is complete.
        let once = options.clone();
        complete(&mut options, Some(&reader("5.3.0"))).unwrap();
        assert_eq!(options, once);

        let mut options = asked(None);
        complete(&mut options, None).unwrap();
        assert_eq!(options, Options::default());
    }

    #[test]
    fn a_document_that_wants_none_has_none_and_reads_as_if_it_had_said_nothing() {
        for runs in [None, Some(&reader("5.3.0"))] {
            let mut options = asked(Some(ScriptFallback::None));
            complete(&mut options, runs).unwrap();
            assert_eq!(options, Options::default());
        }
    }

    #[test]
    fn a_reader_that_does_not_run_is_refused_with_what_to_do() {
        let mut options = asked(Some(ScriptFallback::Tesseract));
        let error = complete(&mut options.clone(), None).unwrap_err();
        assert!(matches!(error, OptionsError::Unavailable(_)));
        assert!(
            error.to_string().contains("--script-fallback tesseract"),
            "{error}"
        );

        options.fallback_reader = Some(reader("4.1.1"));
        let error = complete(&mut options, Some(&reader("5.3.0"))).unwrap_err();
        assert!(error.to_string().contains("4.1.1 in rus"), "{error}");
    }
}
