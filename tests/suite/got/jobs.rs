//! `recto worker` with GOT, between a real broker and a real store.

use recto_schemas::{
    DeviceName, Dtype, GotMode, GotOptions, GotRuntime, Job, RegionColor, ResultState, TextLayer,
    TilePolicy,
};
use serde_json::{Value, json};

use crate::support::{
    cluster::{RESULTS, TestCluster, WorkerProcess},
    got::checkpoint,
    pdf, wait_until,
};

/// A change to a job's message after it was written.
type MessageChange<'a> = &'a dyn Fn(&mut Value);

/// A worker that writes at most 64 tokens.
fn worker(cluster: &TestCluster) -> WorkerProcess {
    cluster.worker_with(|command| {
        command
            .args([
                "--engine",
                "got",
                "--got-max-new-tokens",
                "64",
                "--got-model",
            ])
            .arg(checkpoint("hub-new"));
    })
}

/// A job that leaves the model something to do.
fn job(cluster: &TestCluster, id: &str, options: GotOptions) -> Job {
    let page = |words| pdf::text(&[words]);
    let document = pdf::with_pages(&[&page("The first page."), &page("The second page.")]);
    let mut job = cluster.document(id, &document);
    job.options.text_layer = TextLayer::Never;
    job.options.got = Some(options);
    job
}

fn short() -> GotOptions {
    GotOptions {
        runtime: GotRuntime::limited_to(12),
        tiles: TilePolicy::Never,
        ..GotOptions::default()
    }
}

#[test]
fn a_job_is_read_as_it_asks_and_its_manifest_says_so() {
    let cluster = TestCluster::start();
    let worker = worker(&cluster);
    let mut wanted = job(
        &cluster,
        "minutes",
        GotOptions {
            mode: GotMode::Plain,
            raw: true,
            runtime: GotRuntime {
                dtype: Some(Dtype::Q8),
                ..short().runtime
            },
            ..short()
        },
    );
    wanted.engine = Some("got".to_owned());
    let greedy = GotOptions {
        runtime: GotRuntime::limited_to(4096),
        ..short()
    };
    cluster.submit([&wanted, &job(&cluster, "greedy", greedy)]);

    let accounts = cluster.accounts(2);
    let result = &accounts.results["minutes"];
    assert_eq!(result.state, ResultState::Done, "{result:?}");
    let folder = format!("out/in/minutes.pdf/{}", &result.fingerprint[..16]);
    assert_eq!(
        result.outputs.manifest,
        format!("s3://{RESULTS}/{folder}/document.json")
    );
    let manifests = cluster.manifests();
    let manifest = &manifests[&format!("{folder}/document.json")];
    assert_eq!(manifest.engine, "got");
    assert_eq!(manifest.model.name, "hub-new");
    let options = manifest.options.got.as_ref().unwrap();
    let runtime = &options.runtime;
    assert_eq!(
        (options.mode, runtime.max_new_tokens.get()),
        (GotMode::Plain, 12)
    );
    assert_eq!(
        (
            runtime.dtype,
            runtime.device.as_ref().map(DeviceName::as_str)
        ),
        (Some(Dtype::Q8), Some("cpu"))
    );
    for page in &manifest.pages {
        let decoding = page.decoding.as_ref().unwrap();
        assert!(decoding.tokens <= 12, "{decoding:?}");
    }
    let mut files = manifest.files.iter();
    let records = files
        .find(|file| file.name.ends_with(".pages.jsonl"))
        .unwrap();
    let records = cluster
        .store
        .get(RESULTS, &format!("{folder}/{}", records.name))
        .unwrap();
    assert_eq!(
        String::from_utf8(records.bytes)
            .unwrap()
            .matches("\"prompt_ids\"")
            .count(),
        2
    );
    let greedy = manifests
        .values()
        .find(|found| found.job.as_deref() == Some("greedy"));
    let most = &greedy.unwrap().options.got.as_ref().unwrap().runtime;
    assert_eq!(
        most.max_new_tokens.get(),
        64,
        "no job goes beyond the worker's own"
    );
    assert!(worker.metric("recto_decode_tokens_total") > 0.0);
    assert!(worker.metric("recto_encode_views_total") >= 4.0);
}

#[test]
fn a_job_for_another_format_is_dead_lettered_and_one_for_another_engine_waits_for_it() {
    let cluster = TestCluster::start();
    let with = |id: &str, options: GotOptions| job(&cluster, id, options);
    let mut ppocr = with("ppocr", short());
    ppocr.engine = Some("ppocr".to_owned());
    let floats = GotOptions {
        runtime: GotRuntime {
            dtype: Some(Dtype::F32),
            ..short().runtime
        },
        ..short()
    };
    let gpu = GotOptions {
        runtime: GotRuntime {
            device: "cuda:0".parse().ok(),
            ..short().runtime
        },
        ..short()
    };
    let both = GotOptions {
        r#box: [0, 0, 9, 9].try_into().ok(),
        color: Some(RegionColor::Red),
        ..short()
    };
    // What the types cannot hold is written into the message.
    let outside = |job: &mut Value| job["options"]["got"]["box"] = json!([0, 0, 2000, 10]);
    let no_tokens = |job: &mut Value| job["options"]["got"]["max_new_tokens"] = json!(0);
    let unchanged = |_: &mut Value| {};
    let jobs: [(&str, Job, MessageChange<'_>); 5] = [
        ("engine-unavailable", with("floats", floats), &unchanged),
        ("engine-unavailable", with("gpu", gpu), &unchanged),
        ("bad-message", with("both", both), &unchanged),
        ("bad-message", with("outside", short()), &outside),
        ("bad-message", with("no-tokens", short()), &no_tokens),
    ];
    let worker = worker(&cluster);
    let client = cluster.rabbit.client();
    for (_, job, change) in &jobs {
        let mut message = serde_json::to_value(job).unwrap();
        change(&mut message);
        client.publish("recto.jobs", message.to_string().as_bytes());
    }
    cluster.submit([&ppocr]);
    let of_ppocr = "recto.jobs.engine.ppocr";
    wait_until(
        "the job for another engine is in that one's queue",
        || client.ready(of_ppocr) == 1,
        || worker.log(),
    );
    assert_eq!(client.take_all(of_ppocr)[0].json()["id"], "ppocr");
    let accounts = cluster.accounts(jobs.len());
    assert!(accounts.results.is_empty(), "{:?}", accounts.results);
    for (kind, job, _) in &jobs {
        let letter = &accounts.dead[&job.id];
        assert_eq!(
            letter.kind.as_str(),
            *kind,
            "{}: {}",
            job.id,
            letter.message
        );
        // Another worker may run GOT in another format.
        if *kind != "engine-unavailable" {
            assert_eq!(letter.attempts, 0, "{}: not tried again", job.id);
        }
    }
    let said = &accounts.dead["floats"].message;
    assert!(said.contains("`f32`") && said.contains("`q8`"), "{said}");
}

#[test]
fn what_is_asked_for_otherwise_is_read_again_and_nothing_else_is() {
    let cluster = TestCluster::start();
    let worker = worker(&cluster);
    let first = job(&cluster, "first", short());
    let like_first = |id: &str, options: GotOptions| {
        let mut job = Job {
            id: id.to_owned(),
            ..first.clone()
        };
        job.options.got = Some(options);
        job
    };
    let plain = GotOptions {
        mode: GotMode::Plain,
        ..short()
    };
    // Said or not, the worker's own format is the same reading.
    let said = GotOptions {
        runtime: GotRuntime {
            dtype: Some(Dtype::Q8),
            device: "cpu".parse().ok(),
            ..short().runtime
        },
        ..short()
    };
    let jobs = [
        first.clone(),
        like_first("again", short()),
        like_first("said", said),
        like_first("plain", plain),
    ];
    for (before, job) in jobs.iter().enumerate() {
        cluster.submit([job]);
        worker.wait_for_times("job ended", before + 1);
    }
    let accounts = cluster.accounts(4);
    let state = |id: &str| accounts.results[id].state;
    assert_eq!(state("first"), ResultState::Done);
    assert_eq!([state("again"), state("said")], [ResultState::Skipped; 2]);
    assert_eq!(state("plain"), ResultState::Done);
    assert_eq!(worker.documents_read(), 2);
    assert_eq!(
        accounts.results["first"].outputs,
        accounts.results["said"].outputs
    );
    assert_eq!(cluster.manifests().len(), 2);
}
