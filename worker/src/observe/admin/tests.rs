use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use super::{health::HealthComponent, *};

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Time of a connection where a test waits for its end; an answer must still fit into it on a busy machine.
const SHORT: Duration = Duration::from_secs(1);

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<io::Result<()>>,
}

async fn served(health: Arc<WorkerHealth>, connection_timeout: Duration) -> Served {
    let admin = AdminServer::bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let address = admin.address();
    let (stop, stopped) = oneshot::channel();
    let stopped = async move {
        stopped.await.ok();
    };
    let router = router(health, Arc::new(|| "recto_ready 1\n".to_owned()));
    let ended = tokio::spawn(admin.serve_within(connection_timeout, router, stopped));
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
    timeout(PATIENCE, ended)
        .await
        .expect("it stops")
        .unwrap()
        .unwrap();
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
    let ended = tokio::spawn(admin.serve(healthy(), scrape, async move {
        stopped.await.ok();
    }));
    assert!(get(address, "/metrics").await.starts_with("HTTP/1.1 500"));
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
    stop.send(()).unwrap();
    timeout(PATIENCE, ended)
        .await
        .expect("it stops")
        .unwrap()
        .unwrap();
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
