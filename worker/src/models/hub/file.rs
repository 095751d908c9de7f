//! One file of a model from the hub into the cache, in the layout that other programs know: `blobs/ETAG`, and a link to it
//! from `snapshots/COMMIT/NAME`. Both names come from the hub, and are plain words before anything is written.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write as _},
    os::unix::fs::symlink,
    path::Path,
    sync::mpsc::SyncSender,
};

use anyhow::{Context, ensure};
use hf_hub::{
    CacheRepo,
    api::sync::{Api, ApiRepo},
};

use super::{
    HubClient,
    download::{DownloadEvent, checked},
    is_word,
};

/// Bytes that are written at once.
const CHUNK: usize = 64 << 10;

/// The ending of a file that is not whole, which a later download goes on with.
const PART: &str = "part";

/// A model at one commit, and its place in the cache.
pub(super) struct RemoteModel<'a> {
    pub(super) hub: &'a HubClient,
    pub(super) api: &'a Api,
    pub(super) repo: ApiRepo,
    pub(super) cache: CacheRepo,
    pub(super) commit: &'a str,
    pub(super) news: &'a SyncSender<DownloadEvent>,
}

/// A file as the hub names it.
struct Offer<'a> {
    name: &'a str,
    url: String,
    size: u64,
}

impl RemoteModel<'_> {
    /// Downloads `name`, and links it. `false` while another process does.
    pub(super) fn download(&self, name: &str) -> anyhow::Result<bool> {
        let url = self.repo.url(name);
        let offered = self.api.metadata(&url)?;
        let etag = offered.etag().trim_start_matches("W/");
        ensure!(
            is_word(etag),
            "the hub names its content by something that is no plain word"
        );
        ensure!(
            offered.commit_hash() == self.commit,
            "the hub sent another commit's files"
        );
        let folder = self.cache.pointer_path(self.commit);
        let blob = self.cache.blob_path(etag);
        fs::create_dir_all(&folder)?;
        fs::create_dir_all(blob.parent().context("the cache has no folder")?)?;
        let lock = File::create(blob.with_extension("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let size = offered.size() as u64;
        if !blob.exists() {
            let part = blob.with_extension(PART);
            self.fill(&part, &Offer { name, url, size })?;
            fs::rename(&part, &blob)?;
        }
        let pointer = folder.join(name);
        if !pointer.exists() {
            symlink(Path::new("../../blobs").join(etag), &pointer)?;
        }
        checked(&pointer)?;
        Ok(true)
    }

    /// Appends to `part` what is missing of it.
    fn fill(&self, part: &Path, offer: &Offer<'_>) -> anyhow::Result<()> {
        let mut file = File::options().append(true).create(true).open(part)?;
        let mut has = file.metadata()?.len();
        if has > offer.size {
            file.set_len(0)?;
            has = 0;
        }
        let tell = |event| {
            // Nobody listens where it was given up.
            let _ = self.news.send(event);
        };
        tell(DownloadEvent::File(offer.name.to_owned(), offer.size));
        if has < offer.size {
            tell(DownloadEvent::Bytes(has));
            let body = self.body(&offer.url, has)?;
            // Not a byte more than was offered.
            let mut body = body.take(offer.size - has);
            let mut chunk = vec![0; CHUNK];
            loop {
                let count = match body.read(&mut chunk) {
                    Ok(0) => break,
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error.into()),
                };
                file.write_all(&chunk[..count])?;
                has += count as u64;
                tell(DownloadEvent::Bytes(count as u64));
            }
        }
        ensure!(has == offer.size, "the download broke off");
        file.sync_all()?;
        tell(DownloadEvent::Came);
        Ok(())
    }

    /// The content from byte `from` on.
    fn body(&self, url: &str, from: u64) -> anyhow::Result<impl Read + use<>> {
        // The token goes to no other host, and nothing goes in the clear but to this machine.
        let config = ureq::Agent::config_builder()
            .https_only(!self.hub.is_loopback())
            .redirect_auth_headers(ureq::config::RedirectAuthHeaders::SameHost)
            .build();
        let request = ureq::Agent::new_with_config(config)
            .get(url)
            .header("user-agent", concat!("recto/", env!("CARGO_PKG_VERSION")))
            .header("range", format!("bytes={from}-"));
        let request = match &self.hub.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        let answer = request.call()?;
        ensure!(
            answer.status().as_u16() == 206 || from == 0,
            "the hub does not go on where the download broke off"
        );
        Ok(answer.into_body().into_reader())
    }
}
