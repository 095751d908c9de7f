//! S3 client: endpoint, region, credentials, certificates, timeouts.

use std::{path::Path, time::Duration};

use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_s3::{
    Client,
    config::{
        ConfigBag, Intercept, ProvideCredentials, Region, RequestChecksumCalculation,
        ResponseChecksumValidation, RuntimeComponents, SharedHttpClient,
        StalledStreamProtectionConfig, interceptors::BeforeTransmitInterceptorContextMut,
        retry::RetryConfig, timeout::TimeoutConfig,
    },
    error::BoxError,
    types::ServerSideEncryption,
};
use aws_smithy_http_client::{
    Builder as HttpBuilder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::super::{ErrorCause, Result, StoreError};
use crate::store::config::{Encryption, RequestPayer, StoreConfig};

/// The region that compatible stores take, and AWS's first.
const DEFAULT_REGION: &str = "us-east-1";

/// Maximum wait between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(20);

/// Headers that every request has.
#[derive(Clone, Debug, Default)]
pub(super) struct RequestHeaders(Vec<(&'static str, String)>);

impl Intercept for RequestHeaders {
    fn name(&self) -> &'static str {
        "RequestHeaders"
    }

    /// Adds them before the request is signed: the signature covers them.
    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        for (name, value) in &self.0 {
            let headers = context.request_mut().headers_mut();
            headers.try_insert(*name, value.clone())?;
        }
        Ok(())
    }
}

impl RequestHeaders {
    pub(super) fn new(arguments: &StoreConfig) -> Self {
        let owner = arguments.s3_expected_bucket_owner.clone();
        let owner = owner.map(|owner| ("x-amz-expected-bucket-owner", owner));
        let payer = arguments.s3_request_payer.map(|payer| match payer {
            RequestPayer::Requester => ("x-amz-request-payer", "requester".to_owned()),
        });
        Self(owner.into_iter().chain(payer).collect())
    }
}

/// Encryption of what is written.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteEncryption {
    pub(super) method: Option<ServerSideEncryption>,
    pub(super) kms_key_id: Option<String>,
}

impl WriteEncryption {
    /// # Errors
    /// A key of KMS without `aws:kms`.
    pub(super) fn new(arguments: &StoreConfig) -> Result<Self> {
        let kms_key_id = arguments.s3_sse_kms_key_id.clone();
        if kms_key_id.is_some() && arguments.s3_sse != Some(Encryption::Kms) {
            let why = "--s3-sse-kms-key-id: only with --s3-sse aws:kms".to_owned();
            return Err(StoreError::new("S3", ErrorCause::NotConfigured(why)));
        }
        let method = arguments.s3_sse.map(|encryption| match encryption {
            Encryption::Aes256 => ServerSideEncryption::Aes256,
            Encryption::Kms => ServerSideEncryption::AwsKms,
        });
        Ok(Self { method, kms_key_id })
    }
}

/// A client, and the store's name for messages.
pub(super) async fn client(arguments: &StoreConfig) -> Result<(Client, String)> {
    let endpoint = arguments.s3_endpoint.as_deref();
    let config = sdk_config(arguments, endpoint.map(address).transpose()?).await?;
    let address = config.endpoint_url().unwrap_or("S3").to_owned();
    let config = aws_sdk_s3::config::Builder::from(&config)
        .force_path_style(arguments.s3_path_style)
        .interceptor(RequestHeaders::new(arguments))
        .build();
    Ok((Client::from_conf(config), address))
}

/// The settings that all clients of AWS's services, and of those that speak like them, have in common: region, credentials, certificates
/// and timeouts.
///
/// # Errors
/// There are no credentials, or the certificates are none.
pub(crate) async fn sdk_config(
    arguments: &StoreConfig,
    endpoint: Option<&str>,
) -> Result<SdkConfig> {
    let tls = match &arguments.s3_ca_file {
        Some(file) => tls_with(file).await?,
        None => TlsContext::builder().build().map_err(no_tls)?,
    };
    let http = HttpBuilder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls)
        .build_https();
    let region = region(arguments, &http).await;
    let mut loader = loader(arguments).region(region).http_client(http);
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let config = loader.load().await;
    check_credentials(&config, config.endpoint_url().unwrap_or("AWS")).await?;
    Ok(config)
}

/// Timeout of a connection, an answer or its next byte.
pub(super) fn timeout(arguments: &StoreConfig) -> Duration {
    arguments.s3_timeout
}

/// The region that was asked for, else the environment's, the profile's or the machine's, else [`DEFAULT_REGION`].
async fn region(arguments: &StoreConfig, http: &SharedHttpClient) -> Region {
    if let Some(region) = &arguments.s3_region {
        return Region::new(region.clone());
    }
    // A load of its own: the machine's metadata service must be asked with this HTTP client, there is no other.
    let found = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .load()
        .await;
    let region = found.region().cloned();
    region.unwrap_or_else(|| Region::from_static(DEFAULT_REGION))
}

fn loader(arguments: &StoreConfig) -> ConfigLoader {
    let timeout = timeout(arguments);
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(timeout)
                .read_timeout(timeout)
                // Ends a call whose answer has no body; downloads watch for bytes themselves.
                .operation_attempt_timeout(timeout.saturating_mul(2))
                .build(),
        )
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(arguments.s3_attempts)
                .with_max_backoff(MAX_BACKOFF),
        )
        // Downloads watch for the next byte themselves, uploads have a deadline.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
}

/// Checks the endpoint. A wrong one is not shown: it could hold a password.
fn address(endpoint: &str) -> Result<&str> {
    let wrong = |why: &str| {
        let why = format!("--s3-endpoint: {why}; write http(s)://host:port");
        StoreError::new("S3", ErrorCause::NotConfigured(why))
    };
    let url = url::Url::parse(endpoint).map_err(|_| wrong("not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("a user in it"));
    }
    Ok(endpoint)
}

/// Trusts the certificates of a file besides the system's. They are checked here, because the client does not.
async fn tls_with(file: &Path) -> Result<TlsContext> {
    let wrong = |why: String| {
        let why = format!("--s3-ca-file: {why}");
        StoreError::new(file.display(), ErrorCause::NotConfigured(why))
    };
    let pem = tokio::fs::read(file)
        .await
        .map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(format!("not PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(wrong("no certificate in it".to_owned()));
    }
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates {
        roots
            .add(certificate)
            .map_err(|error| wrong(format!("not a sound certificate: {error}")))?;
    }
    TlsContext::builder()
        .with_trust_store(TrustStore::default().with_pem_certificate(pem))
        .build()
        .map_err(|error| wrong(error.to_string()))
}

fn no_tls(error: impl std::fmt::Display) -> StoreError {
    StoreError::new("S3", ErrorCause::NotConfigured(format!("TLS: {error}")))
}

/// Reports missing credentials at once and in plain words, not as the failure of the first request.
async fn check_credentials(config: &SdkConfig, address: &str) -> Result<()> {
    let missing = |why: String| StoreError::new(address, ErrorCause::NotConfigured(why));
    let provider = config
        .credentials_provider()
        .ok_or_else(|| missing("no credentials".to_owned()))?;
    let error = match provider.provide_credentials().await {
        Ok(_) => return Ok(()),
        Err(error) => super::errors::innermost(&error),
    };
    // Several lines list every place without credentials: the advice covers that.
    let why = match error.contains('\n') {
        true => String::new(),
        false => format!(" ({error})"),
    };
    Err(missing(format!(
        "no credentials found{why}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role"
    )))
}
