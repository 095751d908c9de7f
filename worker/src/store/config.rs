//! The object store: S3, and for workers a folder of this machine.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum};
use recto_schemas::options::{duration, switch};

/// Address and timeouts of S3. Credentials are found as AWS's own tools find them: environment, profile, role.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreConfig {
    /// Address of an S3-compatible store, such as `https://minio.example:9000` [default: AWS, or
    /// AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL", env = "RECTO_S3_ENDPOINT")]
    pub(crate) s3_endpoint: Option<String>,

    /// Region, such as `us-east-1` [default: AWS_REGION, the profile's or the machine's, else us-east-1]
    #[arg(long, value_name = "NAME", env = "RECTO_S3_REGION")]
    pub(crate) s3_region: Option<String>,

    /// Name buckets in the path, not in the host name; most stores other than AWS want it
    #[arg(
        long,
        value_name = "on|off",
        env = "RECTO_S3_PATH_STYLE",
        value_parser = switch,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "off",
        default_missing_value = "on"
    )]
    pub(crate) s3_path_style: bool,

    /// Certificates (PEM) to trust, such as `/etc/ssl/private-ca.pem`, besides the system's
    #[arg(long, value_name = "FILE", env = "RECTO_S3_CA_FILE")]
    pub(crate) s3_ca_file: Option<PathBuf>,

    /// Timeout for a connection, for an answer, and for the next byte of one
    #[arg(long, value_name = "TIME", env = "RECTO_S3_TIMEOUT", default_value = "30s", value_parser = duration)]
    pub(crate) s3_timeout: Duration,

    /// Maximum number of attempts of one request; the waits between them grow and are random
    #[arg(long, value_name = "N", env = "RECTO_S3_ATTEMPTS", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) s3_attempts: u32,

    /// Encrypt what is stored [default: as the bucket says]
    #[arg(long, value_name = "HOW", env = "RECTO_S3_SSE")]
    pub(crate) s3_sse: Option<Encryption>,

    /// Key of KMS for it, such as `alias/results`, with `--s3-sse aws:kms` [default: the account's]
    #[arg(long, value_name = "KEY", env = "RECTO_S3_SSE_KMS_KEY_ID")]
    pub(crate) s3_sse_kms_key_id: Option<String>,

    /// Account that must own every bucket, such as `123456789012`; buckets of others are denied
    #[arg(long, value_name = "ACCOUNT", env = "RECTO_S3_EXPECTED_BUCKET_OWNER", value_parser = account)]
    pub(crate) s3_expected_bucket_owner: Option<String>,

    /// Pay for requests to buckets whose requesters pay
    #[arg(long, value_name = "WHO", env = "RECTO_S3_REQUEST_PAYER")]
    pub(crate) s3_request_payer: Option<RequestPayer>,
}

/// Encryption of objects by the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Encryption {
    /// With keys of the store.
    #[value(name = "AES256")]
    Aes256,
    /// With a key of KMS.
    #[value(name = "aws:kms")]
    Kms,
}

/// The party that pays for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RequestPayer {
    /// The one who sends it.
    Requester,
}

/// An account of AWS.
fn account(text: &str) -> Result<String, &'static str> {
    match text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => Err("not an account of AWS, which has 12 digits"),
    }
}

/// The folder that takes the place of a store, if there is one.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct FileRootConfig {
    /// Folder below which `file://` jobs may read and write, such as `/srv/archive` [default: they are refused]
    #[arg(long, value_name = "DIR", env = "RECTO_FILE_ROOT")]
    pub(crate) file_root: Option<PathBuf>,
}
