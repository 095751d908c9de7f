//! The object store: S3, and for workers a folder of this machine.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args};
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
}

/// The folder that takes the place of a store, if there is one.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct FileRootConfig {
    /// Folder below which `file://` jobs may read and write, such as `/srv/archive` [default: they are refused]
    #[arg(long, value_name = "DIR", env = "RECTO_FILE_ROOT")]
    pub(crate) file_root: Option<PathBuf>,
}
