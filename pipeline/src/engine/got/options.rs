//! Check of a document's runtime options against those of this process.

use recto_schemas::GotRuntime;

/// Checks that the model runs here with the device and dtype that a document asks for.
///
/// # Errors
/// It runs with others; the message has both, and what to do.
pub(super) fn check_runtime(wanted: &GotRuntime, here: &GotRuntime) -> Result<(), String> {
    let elsewhere = |what: &str, wanted: &dyn std::fmt::Display, here: &dyn std::fmt::Display| {
        format!(
            "the job wants {what} `{wanted}`, this worker runs `{here}`; leave it out, or send the job to a queue whose workers run that"
        )
    };
    match (wanted.dtype, here.dtype) {
        (Some(wanted), Some(here)) if wanted != here => {
            return Err(elsewhere("dtype", &wanted, &here));
        }
        _ => {}
    }
    match (&wanted.device, &here.device) {
        (Some(wanted), Some(here)) if !wanted.is_same(here) => {
            Err(elsewhere("device", wanted, here))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use recto_schemas::Dtype;

    use super::*;

    fn runtime(dtype: Option<Dtype>, device: Option<&str>) -> GotRuntime {
        GotRuntime {
            dtype,
            device: device.map(|device| device.parse().expect("a device")),
            ..GotRuntime::default()
        }
    }

    #[test]
    fn a_document_is_read_as_the_model_runs_or_not_at_all() {
        let here = runtime(Some(Dtype::Bf16), Some("cuda:0"));
        let check = |dtype, device| check_runtime(&runtime(dtype, device), &here);
        assert_eq!(check(None, None), Ok(()));
        assert_eq!(check(Some(Dtype::Bf16), Some("cuda")), Ok(()));
        let error = check(Some(Dtype::F32), None).unwrap_err();
        assert!(
            error.contains("`f32`") && error.contains("`bf16`"),
            "{error}"
        );
        let error = check(None, Some("cuda:1")).unwrap_err();
        assert!(error.contains("`cuda:1`"), "{error}");
    }
}
