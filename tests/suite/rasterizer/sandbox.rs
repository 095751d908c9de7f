//! The sandbox, from inside: a library in PDFium's place tries what a hostile document would (`probe/probe.c`).

use std::{
    fs::{self, File, Permissions},
    io::Read,
    net::{TcpListener, UdpSocket},
    os::{
        fd::{AsRawFd, OwnedFd},
        linux::net::SocketAddrExt,
        unix::{
            fs::PermissionsExt,
            net::{SocketAddr, UnixListener},
            process::CommandExt,
        },
    },
    path::Path,
    process::Command,
};

use recto_pipeline::sandbox::{SandboxLayers, SandboxReport};

use super::*;

/// Size of the report that the probe writes to.
const REPORT_BYTES: u64 = 1 << 16;
/// The user that owns nothing.
const NOBODY: u32 = 65_534;
/// Set for the run of this test's program as another user: the folder with all it needs.
const AS_NOBODY: &str = "RECTO_TEST_AS_NOBODY";
/// Least number of attempts; the probe makes some more.
const ATTEMPTS: usize = 78;

const NONE: SandboxLayers = SandboxLayers {
    seccomp: false,
    landlock: false,
    namespaces: false,
};

/// A probe that was built for one run, and the servers and files that it tries to reach.
struct Probe {
    folder: PathBuf,
    recto: PathBuf,
    tcp: TcpListener,
    udp: UdpSocket,
    _named: UnixListener,
    /// Stays open in processes that are started, as those of a careless library would.
    inherited: OwnedFd,
    _abstract: UnixListener,
}

/// The probe's attempts: those that succeeded, and the number of the others.
struct Attempts {
    open: Vec<String>,
    closed: usize,
}

impl Probe {
    /// Builds the probe in `folder`, where `recto` and PDFium may be read by whoever runs it.
    fn build(folder: &Path, recto: PathBuf, pdfium: &Path) -> Self {
        let target = folder.join("target");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("secret"), "nobody's business").unwrap();
        fs::set_permissions(target.join("secret"), Permissions::from_mode(0o644)).unwrap();
        let report = File::create(folder.join("report")).unwrap();
        report.set_len(REPORT_BYTES).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        for listens in [tcp.set_nonblocking(true), udp.set_nonblocking(true)] {
            listens.unwrap();
        }
        let named = UnixListener::bind(target.join("socket")).unwrap();
        let abstract_name = format!("recto-probe-{}", tcp.local_addr().unwrap().port());
        let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let inherited: OwnedFd = File::open(target.join("secret")).unwrap().into();
        rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty()).unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-w", "-o"])
            .arg(folder.join("libprobe.so"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/rasterizer/probe/probe.c"))
            .arg(format!("-DREPORT=\"{}\"", folder.join("report").display()))
            .arg(format!("-DTARGET=\"{}\"", target.display()))
            .arg(format!("-DABSTRACT=\"{abstract_name}\""))
            .arg(format!("-DTCP_PORT={}", tcp.local_addr().unwrap().port()))
            .arg(format!("-DUDP_PORT={}", udp.local_addr().unwrap().port()))
            .arg(format!("-DINHERITED={}", inherited.as_raw_fd()))
            .arg("-Wl,--no-as-needed")
            .arg(pdfium)
            .arg(format!(
                "-Wl,-rpath,{}",
                pdfium.parent().expect("its folder").display()
            ))
            .status()
            .expect("a C compiler");
        assert!(built.success(), "the probe does not build");
        Self {
            folder: folder.to_owned(),
            recto,
            tcp,
            udp,
            _named: named,
            inherited,
            _abstract: UnixListener::bind_addr(&address).unwrap(),
        }
    }

    /// Reads a page in a child with these layers, in which the probe tries all it can.
    fn run(&self, layers: SandboxLayers, required: bool) -> Attempts {
        let rasterizer = Rasterizer::new(RasterizerConfig {
            program: self.recto.clone(),
            pdfium: self.folder.join("libprobe.so"),
            children: 1,
            pages_per_child: 100,
            font_dirs: Vec::new(),
            sandbox: SandboxConfig { layers, required },
        })
        .unwrap();
        let bytes = documents::pages(&[b"BT /F 12 Tf 20 50 Td (read all the same) Tj ET"]);
        let document = open(&rasterizer, &bytes, None, &DocumentLimits::default()).unwrap();
        let page = rasterize(&document, 1, &REQUEST, &CancelToken::new()).unwrap();
        assert_eq!(page.text_layer.unwrap().lines[0].text, "read all the same");

        assert!(self.inherited.as_raw_fd() > 2);
        let report = fs::read(self.folder.join("report")).unwrap();
        let report: String = String::from_utf8_lossy(&report).replace('\0', "");
        assert!(report.ends_with("end\n"), "{report}");
        let open: Vec<String> = report
            .lines()
            .filter_map(|line| line.strip_prefix("open "))
            .map(str::to_owned)
            .collect();
        let closed = report.lines().filter(|line| line.starts_with("closed "));
        let closed = closed.count();
        assert!(open.len() + closed >= ATTEMPTS, "{report}");
        Attempts { open, closed }
    }

    /// Returns true if anything arrived where the test listens.
    fn was_reached(&self) -> bool {
        let mut byte = [0];
        self.tcp.accept().is_ok() || self.udp.recv(&mut byte).is_ok()
    }
}

fn scratch() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    folder
}

fn sandbox_of_this_machine() -> SandboxReport {
    rasterizer(1, 1).check_sandbox().unwrap()
}

#[test]
fn a_hostile_library_reaches_nothing() {
    let folder = scratch();
    let probe = Probe::build(folder.path(), recto(), &pdfium());
    let attempts = probe.run(SandboxLayers::ALL, true);
    assert_eq!(attempts.open, Vec::<String>::new());
    assert!(attempts.closed >= ATTEMPTS);
    assert!(!probe.was_reached());
    assert_eq!(
        fs::read_to_string(folder.path().join("target/secret")).unwrap(),
        "nobody's business"
    );
}

#[test]
fn without_a_sandbox_the_same_library_reaches_much() {
    let folder = scratch();
    let probe = Probe::build(folder.path(), recto(), &pdfium());
    let attempts = probe.run(NONE, false);
    for hole in [
        "open a secret file",
        "stat",
        "access",
        "chmod",
        "unlink",
        "TCP connect",
        "UDP send",
        "connect to a unix socket",
        "connect to an abstract unix socket",
        "kill the parent",
        "set the parent's open files",
        "SysV shared memory",
        "writable and executable memory",
    ] {
        assert!(
            attempts
                .open
                .iter()
                .any(|open| open.starts_with(&format!("{hole} ="))),
            "{hole} is closed, so the probe shows nothing: {:?}",
            attempts.open
        );
    }
    assert!(probe.was_reached());
}

/// Each layer closes what it is there for, when it is alone.
#[test]
fn each_layer_holds_by_itself() {
    let machine = sandbox_of_this_machine();
    let files = [
        "open a secret file",
        "open /etc/passwd",
        "open the parent's memory",
        "create a file in /tmp",
        "unlink",
        "rename",
        "truncate",
        "mkdir",
    ];
    let calls = [
        "stat",
        "chmod",
        "access",
        "TCP connect",
        "MPTCP connect",
        "TCP fast open",
        "TCP listen without bind",
        "UDP send",
        "netlink route socket",
        "connect to a unix socket",
        "connect to an abstract unix socket",
        "kill the parent",
        "ptrace of the parent",
        "set the parent's open files",
        "raise the own processor time",
        "start a process",
        "SysV shared memory",
        "writable and executable memory",
        "io_uring",
        "userfaultfd",
        "a user namespace",
    ];
    let away = [
        "open a secret file",
        "stat",
        "access",
        "chmod",
        "connect to a unix socket",
        "connect to an abstract unix socket",
        "TCP connect",
        "MPTCP connect",
        "UDP send",
    ];
    for (name, layers, closed) in [
        (
            "seccomp",
            SandboxLayers {
                seccomp: true,
                ..NONE
            },
            &calls[..],
        ),
        (
            "landlock",
            SandboxLayers {
                landlock: true,
                ..NONE
            },
            &files,
        ),
        (
            "namespaces",
            SandboxLayers {
                namespaces: true,
                ..NONE
            },
            &away,
        ),
    ] {
        let here = machine
            .layers()
            .into_iter()
            .find(|(layer, _)| *layer == name);
        if !here.is_some_and(|(_, layer)| layer.is_active()) {
            eprintln!("skipped: this machine has no {name}");
            continue;
        }
        let folder = scratch();
        let probe = Probe::build(folder.path(), recto(), &pdfium());
        let open = probe.run(layers, false).open;
        for attempt in closed {
            let hole = open
                .iter()
                .find(|open| open.starts_with(&format!("{attempt} =")));
            assert_eq!(hole, None, "with {name} alone");
        }
    }
}

/// Root has rights that others lack, and the other way round: both find nothing.
#[test]
fn nor_does_it_as_a_user_who_owns_nothing() {
    if let Some(folder) = env::var_os(AS_NOBODY) {
        let folder = PathBuf::from(folder);
        let probe = Probe::build(
            &folder.join("probe"),
            folder.join("recto"),
            &folder.join("libpdfium.so"),
        );
        assert_eq!(
            probe.run(SandboxLayers::ALL, true).open,
            Vec::<String>::new()
        );
        assert!(!probe.was_reached());
        return;
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can become somebody else");
        return;
    }
    let folder = scratch();
    for (file, name) in [
        (recto(), "recto"),
        (pdfium(), "libpdfium.so"),
        (env::current_exe().unwrap(), "suite"),
    ] {
        let place = folder.path().join(name);
        fs::copy(file, &place).unwrap();
        fs::set_permissions(place, Permissions::from_mode(0o755)).unwrap();
    }
    let theirs = folder.path().join("probe");
    fs::create_dir(&theirs).unwrap();
    std::os::unix::fs::chown(&theirs, Some(NOBODY), Some(NOBODY)).unwrap();
    let test = "rasterizer::sandbox::nor_does_it_as_a_user_who_owns_nothing";
    let mut run = Command::new(folder.path().join("suite"));
    run.args(["--exact", test])
        .env(AS_NOBODY, folder.path())
        .current_dir(&theirs)
        .uid(NOBODY)
        .gid(NOBODY);
    let output = run.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[test]
fn a_sandbox_that_is_required_and_not_there_opens_nothing() {
    let folder = scratch();
    let probe = Probe::build(folder.path(), recto(), &pdfium());
    for layers in [
        NONE,
        SandboxLayers {
            seccomp: true,
            ..NONE
        },
        SandboxLayers {
            seccomp: false,
            ..SandboxLayers::ALL
        },
    ] {
        let rasterizer = Rasterizer::new(RasterizerConfig {
            program: recto(),
            pdfium: folder.path().join("libprobe.so"),
            children: 1,
            pages_per_child: 100,
            font_dirs: Vec::new(),
            sandbox: SandboxConfig {
                layers,
                required: true,
            },
        })
        .unwrap();
        let bytes = documents::pages(&[b"0 0 10 10 re f"]);
        let error = open(&rasterizer, &bytes, None, &DocumentLimits::default()).unwrap_err();
        assert_eq!(error.kind(), FailureKind::SandboxMissing, "{layers:?}");
        assert_eq!(rasterizer.check_sandbox().unwrap_err(), error);
        let said = error.to_string();
        assert!(
            said.contains("needs "),
            "it tells what would allow it: {said}"
        );
    }
    let mut report = String::new();
    File::open(folder.path().join("report"))
        .unwrap()
        .read_to_string(&mut report)
        .unwrap();
    assert_eq!(report.trim_matches('\0'), "", "the document was not opened");
    assert!(!probe.was_reached());
}
