//! A folder as a store: what is written, what stays outside, who wins.

use std::{io::Write as _, os::unix::fs::symlink};

use super::*;

struct TestFolder {
    folder: tempfile::TempDir,
    store: LocalStore,
}

/// A root with `in/a.pdf`, and a secret beside the root.
fn scene() -> TestFolder {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("in")).unwrap();
    fs::write(root.join("in/a.pdf"), "document").unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    let store = LocalStore::new(&root).unwrap();
    TestFolder { folder, store }
}

impl TestFolder {
    fn at(&self, below: &str) -> StoreUri {
        let root = self.store.root().to_str().unwrap().to_owned();
        StoreUri::File {
            path: format!("{root}/{below}"),
        }
    }

    async fn put(
        &self,
        at: &StoreUri,
        text: &str,
        condition: WriteCondition,
    ) -> Result<PutOutcome> {
        let mut body = NamedTempFile::new().unwrap();
        body.write_all(text.as_bytes()).unwrap();
        self.store.put(at, body.path(), "", condition).await
    }

    fn outside(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    result.unwrap_err().kind().as_str()
}

#[tokio::test]
async fn what_is_written_is_read_again() {
    let scene = scene();
    let at = scene.at("out/deep/b.md");
    let put = scene.put(&at, "one", WriteCondition::IfAbsent).await;
    let PutOutcome::Written { etag } = put.unwrap() else {
        panic!("nothing was there")
    };
    let found = scene
        .store
        .stat(&at, &ObjectVersion::default())
        .await
        .unwrap();
    assert_eq!((found.bytes, &found.etag), (3, &etag));
    let again = scene.put(&at, "two", WriteCondition::IfAbsent).await;
    assert_eq!(again.unwrap(), PutOutcome::AlreadyExists);
    assert_eq!(scene.store.read(&at, 3).await.unwrap().unwrap(), b"one");

    let always = scene.put(&at, "three", WriteCondition::Always).await;
    assert!(matches!(always.unwrap(), PutOutcome::Written { .. }));
    assert_eq!(kind(scene.store.read(&at, 4).await), "document-too-large");
    assert_eq!(
        kind(scene.store.stat(&at, &found.pin()).await),
        "source-changed"
    );
    let nothing = scene.store.read(&scene.at("none"), 4).await.unwrap();
    assert_eq!(nothing, None);

    let listing = scene.store.list(&scene.at(""), None).await.unwrap();
    let keys: Vec<_> = listing.entries.into_iter().map(|e| e.location).collect();
    assert_eq!(keys, [scene.at("in/a.pdf"), at]);
}

#[tokio::test]
async fn a_file_is_deleted_and_never_what_a_link_leads_to() {
    let scene = scene();
    let secret = scene.outside().join("secret");
    let link = scene.store.root().join("in/link.pdf");
    symlink(&secret, &link).unwrap();
    for name in ["in/a.pdf", "in/link.pdf", "in/none.pdf", "none/a.pdf"] {
        scene.store.delete(&scene.at(name)).await.unwrap();
    }
    assert_eq!(
        fs::read_dir(link.parent().unwrap()).unwrap().count(),
        0,
        "all are gone"
    );
    symlink(scene.outside(), scene.store.root().join("up")).unwrap();
    for name in ["../secret", "up/secret"] {
        let deleted = scene.store.delete(&scene.at(name)).await;
        assert_eq!(kind(deleted), "not-allowed", "{name}");
    }
    assert!(secret.exists());
}

#[tokio::test]
async fn a_folder_is_tried_out_and_left_as_it_was() {
    let scene = scene();
    let at = scene.at("in");
    scene.store.check_usable(&at).await.unwrap();
    scene
        .store
        .check_usable(&scene.at("new/out/"))
        .await
        .unwrap();
    let names = |folder: &str| {
        fs::read_dir(scene.store.root().join(folder))
            .unwrap()
            .count()
    };
    assert_eq!((names("in"), names("new/out")), (1, 0));
    let file = scene.store.check_usable(&scene.at("in/a.pdf")).await;
    let error = file.unwrap_err().to_string();
    assert!(error.starts_with("write if absent to file://"), "{error}");
    let outside = scene.store.check_usable(&scene.at("..")).await;
    assert_eq!(kind(outside), "not-allowed");
}

#[tokio::test]
async fn a_copy_is_capped_and_pinned() {
    let scene = scene();
    let (at, to) = (scene.at("in/a.pdf"), scene.outside().join("copy"));
    let found = scene
        .store
        .stat(&at, &ObjectVersion::default())
        .await
        .unwrap();
    scene.store.fetch(&at, &found.pin(), 8, &to).await.unwrap();
    assert_eq!(fs::read(&to).unwrap(), b"document");
    let capped = scene.store.fetch(&at, &found.pin(), 7, &to).await;
    assert_eq!(kind(capped), "document-too-large");
    assert!(!to.exists(), "no part of it stays");
    fs::write(scene.store.root().join("in/a.pdf"), "replaced").unwrap();
    let changed = scene.store.fetch(&at, &found.pin(), 8, &to).await;
    assert_eq!(kind(changed), "source-changed");
}

#[tokio::test]
async fn nothing_leads_out_of_the_root() {
    let scene = scene();
    let root = scene.store.root().to_owned();
    symlink(scene.outside(), root.join("up")).unwrap();
    symlink(scene.outside().join("secret"), root.join("in/link.pdf")).unwrap();
    let outside = StoreUri::File {
        path: scene.outside().join("secret").to_str().unwrap().to_owned(),
    };
    // A path that the URI's own rules would refuse, should it come from elsewhere.
    for at in [
        scene.at("up/secret"),
        scene.at("in/link.pdf"),
        scene.at("../secret"),
        outside,
    ] {
        let pin = ObjectVersion::default();
        let to = scene.outside().join("copy");
        assert_eq!(kind(scene.store.stat(&at, &pin).await), "not-allowed");
        assert_eq!(
            kind(scene.store.fetch(&at, &pin, 9, &to).await),
            "not-allowed"
        );
        assert_eq!(kind(scene.store.read(&at, 9).await), "not-allowed");
    }
    for below in ["up/new", "up/new/deep", "../new", "in/../../new"] {
        let put = scene
            .put(&scene.at(below), "x", WriteCondition::Always)
            .await;
        assert_eq!(kind(put), "not-allowed", "{below}");
    }
    assert!(!scene.outside().join("new").exists());
    // A link in the place of a result is replaced, not followed.
    let at = scene.at("in/link.pdf");
    let put = scene.put(&at, "x", WriteCondition::Always).await;
    put.unwrap();
    assert_eq!(fs::read(scene.outside().join("secret")).unwrap(), b"secret");
    assert_eq!(
        kind(scene.store.list(&scene.at("up"), None).await),
        "not-allowed"
    );
}

#[tokio::test]
async fn a_pipe_or_a_folder_is_no_object() {
    let scene = scene();
    let found = scene
        .store
        .stat(&scene.at("in"), &ObjectVersion::default())
        .await;
    assert_eq!(kind(found), "no-such-object");
    let put = scene
        .put(&scene.at("in/"), "x", WriteCondition::Always)
        .await;
    assert_eq!(kind(put), "no-such-object");
}

#[tokio::test]
async fn many_writers_and_one_wins() {
    let scene = scene();
    let at = scene.at("out/manifest.json");
    let writers = (0..8).map(|number| {
        let (store, at) = (scene.store.clone(), at.clone());
        async move {
            let mut body = NamedTempFile::new().unwrap();
            body.write_all(format!("{number}").as_bytes()).unwrap();
            store
                .put(&at, body.path(), "", WriteCondition::IfAbsent)
                .await
                .unwrap()
        }
    });
    let stored = futures_util::future::join_all(writers).await;
    let written = stored
        .iter()
        .filter(|s| matches!(s, PutOutcome::Written { .. }));
    assert_eq!(written.count(), 1);
}
