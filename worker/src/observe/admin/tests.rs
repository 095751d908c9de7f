use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use super::{connections::CONNECTIONS, health::HealthComponent, *};

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Time of a connection where a test waits for its end; an answer must still fit into it on a busy machine.
const SHORT: Duration = Duration::from_secs(1);

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

async fn served(health: Arc<WorkerHealth>, deadline: Duration) -> Served {
    let scrape = || "recto_ready 1\n".to_owned();
    served_with(health, deadline, Arc::new(scrape)).await
}

async fn served_with(health: Arc<WorkerHealth>, deadline: Duration, scrape: ScrapeFn) -> Served {
    let admin = AdminServer::bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let address = admin.address();
    let (stop, stopped) = oneshot::channel();
    let stopped = async move {
        stopped.await.ok();
    };
    let answers = AdminAnswers::new(health, scrape, &[]);
    let deadlines = Deadlines {
        head: deadline,
        whole: deadline,
    };
    let ended = tokio::spawn(admin.serve_within(deadlines, answers, stopped));
    Served {
        address,
        stop,
        ended,
    }
}

fn healthy() -> Arc<WorkerHealth> {
    let health = WorkerHealth::new(PATIENCE);
    for part in [
        HealthComponent::Broker,
        HealthComponent::Store,
        HealthComponent::Engine,
        HealthComponent::Disk,
        HealthComponent::Publisher,
        HealthComponent::Consumer,
    ] {
        health.set(part, Ok(()));
    }
    Arc::new(health)
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
    read.expect("the server closes the connection after its answer")
        .unwrap();
    answer
}

async fn get(address: SocketAddr, path: &str) -> String {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nhost: recto\r\n\r\n"),
    )
    .await
}

#[tokio::test]
async fn every_path_answers() {
    let server = served(healthy(), PATIENCE).await;
    let address = server.address;
    let metrics = get(address, "/metrics").await;
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    assert!(
        metrics.contains("content-type: text/plain; version=0.0.4"),
        "{metrics}"
    );
    assert!(metrics.ends_with("recto_ready 1\n"), "{metrics}");
    assert!(get(address, "/healthz").await.ends_with("\r\n\r\nok\n"));
    let ready = get(address, "/readyz").await;
    assert!(
        ready.starts_with("HTTP/1.1 200") && ready.contains("broker: ok\n"),
        "{ready}"
    );
    let index = get(address, "/").await;
    assert!(
        index.starts_with("HTTP/1.1 200") && index.contains("/metrics"),
        "{index}"
    );
    let nothing = get(address, "/nothing?a=b").await;
    assert!(
        nothing.starts_with("HTTP/1.1 404") && nothing.contains("/readyz"),
        "{nothing}"
    );
    let posted = ask(
        address,
        "POST /metrics HTTP/1.1\r\nhost: recto\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(posted.starts_with("HTTP/1.1 405"), "{posted}");
}

#[tokio::test]
async fn what_is_not_usable_is_said() {
    let health = healthy();
    let server = served(Arc::clone(&health), PATIENCE).await;
    let address = server.address;
    health.set(HealthComponent::Store, Err("connection refused".to_owned()));
    let answer = get(address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(
        answer.contains("store: not ready: connection refused\n"),
        "{answer}"
    );
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_worker_whose_loop_stands_still_is_not_healthy() {
    let server = served(Arc::new(WorkerHealth::new(Duration::ZERO)), PATIENCE).await;
    let address = server.address;
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 503"));
}

#[tokio::test]
async fn clients_that_say_nothing_are_cut_off_and_make_room() {
    let server = served(healthy(), SHORT).await;
    let address = server.address;
    let mut silent = Vec::new();
    for number in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if number % 2 == 0 {
            stream
                .write_all(b"GET /metrics HTTP/1.1\r\nho")
                .await
                .unwrap();
        }
        silent.push(stream);
    }
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
    for mut stream in silent {
        let mut rest = Vec::new();
        // Closed or reset, as the system likes; but ended.
        timeout(PATIENCE, stream.read_to_end(&mut rest))
            .await
            .expect("cut off")
            .ok();
    }
}

/// Runs many clients that hold their connections, and asks for the worker's health beside them.
async fn health_beside(clients: usize, said: &'static [u8]) {
    let server = served(healthy(), PATIENCE).await;
    let address = server.address;
    let holding = AtomicU32::new(0);
    let hold = async {
        let mut held = Vec::new();
        for _ in 0..clients {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // The server may have dropped it by now.
            let _ = stream.write_all(said).await;
            held.push(stream);
            holding.fetch_add(1, Ordering::Relaxed);
        }
        std::future::pending::<()>().await;
    };
    let ask = async {
        let all = u32::try_from(clients).unwrap();
        let mut times = Vec::new();
        // On a busy machine the clients take a while to come.
        for round in 0..400 {
            if round >= 40 && holding.load(Ordering::Relaxed) == all {
                break;
            }
            let started = Instant::now();
            let answer = get(address, "/healthz").await;
            times.push(started.elapsed());
            assert!(answer.starts_with("HTTP/1.1 200"), "{round}: {answer}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        times.sort();
        // This machine may be busy with other tests, so half of them may take longer than they do alone (38 of 40 are
        // under 100 ms), but none longer than an orchestrator waits.
        assert!(
            times[times.len() / 2] < Duration::from_millis(100),
            "{times:?}"
        );
        assert!(times[times.len() - 1] < Duration::from_secs(1), "{times:?}");
        holding.load(Ordering::Relaxed) == all
    };
    tokio::select! {
        () = hold => {}
        all = ask => assert!(all, "the clients were there"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_that_say_half_keep_nobody_from_the_health() {
    health_beside(1_000, b"GET /metrics HTTP/1.1\r\nho").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_silent_clients_keep_nobody_from_the_health() {
    health_beside(1_000, b"").await;
}

#[tokio::test]
async fn the_head_of_a_request_has_a_deadline() {
    let admin = AdminServer::bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let address = admin.address();
    let answers = AdminAnswers::new(healthy(), Arc::new(String::new), &[]);
    tokio::spawn(admin.serve(answers, std::future::pending()));
    for said in [b"" as &[u8], b"GET /healthz HTTP/1.1\r\n"] {
        let started = Instant::now();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        timeout(PATIENCE, read).await.expect("cut off").ok();
        let took = started.elapsed();
        assert!(took < DEADLINES.head * 4, "{took:?}");
        assert!(took >= DEADLINES.head / 2, "{took:?}");
    }
}

#[tokio::test]
async fn http_2_is_not_spoken_and_a_connection_carries_one_request() {
    let server = served(healthy(), PATIENCE).await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(preface.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    timeout(PATIENCE, read).await.expect("it is closed").ok();
    // An answer in frames would begin with its settings.
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"),
        "{answer:?}"
    );
    let twice = "GET /healthz HTTP/1.1\r\nhost: recto\r\n\r\n".repeat(2);
    let answers = ask(server.address, &twice).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 1, "{answers}");
}

#[tokio::test]
async fn who_comes_by_another_name_is_not_answered() {
    let server = served(healthy(), PATIENCE).await;
    let asked = async |request: &str| {
        let answer = ask(server.address, request).await;
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let by = async |host: &str| asked(&format!("GET /metrics HTTP/1.1\r\n{host}\r\n")).await;
    assert_eq!(by("host: evil.example:9464\r\n").await, "421");
    assert_eq!(by("host: localhost\r\nhost: evil.example\r\n").await, "421");
    assert_eq!(by("host: 10.1.2.3:9464\r\n").await, "200");
    let absolute = "GET http://evil.example/metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert_eq!(asked(absolute).await, "421");
}

#[tokio::test]
async fn a_scrape_is_made_once_a_second() {
    let made = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&made);
    let scrape = move || format!("scrapes {}\n", counted.fetch_add(1, Ordering::Relaxed) + 1);
    let server = served_with(healthy(), PATIENCE, Arc::new(scrape)).await;
    let started = Instant::now();
    let mut answers = 0;
    while started.elapsed() < Duration::from_millis(1_500) {
        let answer = get(server.address, "/metrics").await;
        assert!(answer.contains("scrapes "), "{answer}");
        answers += 1;
    }
    let made = made.load(Ordering::Relaxed);
    assert!(
        (2..=3).contains(&made) && answers > 20,
        "{made} for {answers} answers"
    );
}

#[tokio::test]
async fn it_stops_when_it_is_told_even_with_a_client_that_hangs() {
    let Served {
        address,
        stop,
        ended,
    } = served(healthy(), SHORT).await;
    let mut hanging = TcpStream::connect(address).await.unwrap();
    hanging.write_all(b"GET /me").await.unwrap();
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
    stop.send(()).unwrap();
    timeout(PATIENCE, ended).await.expect("it stops").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn the_public_way_serves_too() {
    let admin = AdminServer::bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let address = admin.address();
    let (stop, stopped) = oneshot::channel();
    let scrape: ScrapeFn = Arc::new(|| panic!("a collector broke"));
    let answers = AdminAnswers::new(healthy(), scrape, &[]);
    let ended = tokio::spawn(admin.serve(answers, async move {
        stopped.await.ok();
    }));
    assert!(get(address, "/metrics").await.starts_with("HTTP/1.1 500"));
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
    stop.send(()).unwrap();
    timeout(PATIENCE, ended).await.expect("it stops").unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let first = AdminServer::bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let error = AdminServer::bind(first.address())
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains(&first.address().to_string()), "{error}");
    assert!(error.contains("--admin-address"), "{error}");
}

#[test]
fn an_address_is_an_address_or_none() {
    assert_eq!("none".parse(), Ok(AdminAddress(None)));
    assert!("[::]:9464".parse::<AdminAddress>().unwrap().0.is_some());
    assert!(
        "localhost:9464"
            .parse::<AdminAddress>()
            .unwrap_err()
            .contains("127.0.0.1:9464")
    );
}
