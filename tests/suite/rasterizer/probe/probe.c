// A stand-in for PDFium's library in the hands of a hostile document. Every function comes from the real library, to
// which this one is linked, but for FPDF_LoadCustomDocument: called once the process is in its sandbox, it first tries
// what such code would try. Each attempt leaves a line in a file that was mapped when the library was loaded.
//
// Given by the test: REPORT (that file), TARGET (a folder with a file `secret` and a socket `socket`), TCP_PORT and
// UDP_PORT (where the test listens on loopback), INHERITED (a descriptor of the test's that is not closed on exec).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { REPORT_BYTES = 1 << 16, MPTCP = 262 };

static char *report;

__attribute__((constructor)) static void map_report(void) {
  int file = open(REPORT, O_RDWR);
  report = file < 0 ? NULL : mmap(NULL, REPORT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file >= 0) close(file);
}

static void tell(const char *format, ...) {
  size_t used = strnlen(report, REPORT_BYTES);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(report + used, REPORT_BYTES - used, format, arguments);
  va_end(arguments);
}

// One attempt: it succeeded if the call gave no negative value.
#define TRY(name, call)                                              \
  do {                                                               \
    errno = 0;                                                       \
    long done_ = (long)(call);                                       \
    if (done_ >= 0) tell("open %s = %ld\n", name, done_);            \
    else tell("closed %s: %s\n", name, strerror(errno));             \
  } while (0)

// Closes what earlier attempts opened: a process may have few files at a time. Two descriptors beside the standard ones
// are the document and the socket.
static void close_opened(void) {
  for (int fd = 5; fd < 64; fd++) close(fd);
}

static void files(pid_t parent) {
  char path[200];
  struct stat st;
  char buffer[1024] = {0};
  TRY("open a secret file", open(TARGET "/secret", O_RDONLY));
  TRY("open /etc/passwd", open("/etc/passwd", O_RDONLY));
  TRY("open by openat2", syscall(SYS_openat2, AT_FDCWD, TARGET "/secret", (uint64_t[3]){O_RDONLY, 0, 0}, 24));
  TRY("open by name_to_handle_at", syscall(SYS_name_to_handle_at, AT_FDCWD, TARGET "/secret", buffer, (int[1]){0}, 0));
  snprintf(path, sizeof path, "/proc/%d/environ", parent);
  TRY("open the parent's environ", open(path, O_RDONLY));
  snprintf(path, sizeof path, "/proc/%d/mem", parent);
  TRY("open the parent's memory", open(path, O_RDWR));
  snprintf(path, sizeof path, "/proc/%d/exe", parent);
  TRY("readlink of the parent's exe", readlink(path, buffer, sizeof buffer));
  TRY("open /proc/self/status", open("/proc/self/status", O_RDONLY));
  TRY("list /etc", open("/etc", O_RDONLY | O_DIRECTORY));
  TRY("O_PATH handle", open(TARGET "/secret", O_PATH));
  TRY("create a file in /tmp", open("/tmp/recto-probe", O_CREAT | O_WRONLY, 0600));
  TRY("create a file in /var/tmp", open("/var/tmp/recto-probe", O_CREAT | O_WRONLY, 0600));
  TRY("create a file in /dev/shm", open("/dev/shm/recto-probe", O_CREAT | O_WRONLY, 0600));
  TRY("O_TMPFILE", open("/tmp", O_TMPFILE | O_RDWR, 0600));
  unlink("/tmp/recto-probe"), unlink("/var/tmp/recto-probe"), unlink("/dev/shm/recto-probe");
  TRY("open /dev/tty", open("/dev/tty", O_RDWR));
  TRY("open /dev/null", open("/dev/null", O_RDWR));
  TRY("symlink", symlink("/etc", TARGET "/other"));
  TRY("mkdir", mkdir(TARGET "/folder", 0700));
  TRY("mknod", mknod(TARGET "/pipe", S_IFIFO | 0600, 0));
  TRY("stat", stat(TARGET "/secret", &st));
  TRY("stat with AT_EMPTY_PATH", syscall(SYS_newfstatat, AT_FDCWD, TARGET "/secret", &st, AT_EMPTY_PATH));
  TRY("statx", syscall(SYS_statx, AT_FDCWD, TARGET "/secret", 0, 0x7ff, buffer));
  TRY("statfs", syscall(SYS_statfs, "/", buffer));
  TRY("access", access(TARGET "/secret", F_OK));
  TRY("chmod", chmod(TARGET "/secret", 0666));
  TRY("chown", chown(TARGET "/secret", getuid(), getgid()));
  TRY("utimes", utimes(TARGET "/secret", NULL));
  TRY("setxattr", setxattr(TARGET "/secret", "user.probe", "1", 1, 0));
  TRY("getcwd", syscall(SYS_getcwd, buffer, sizeof buffer));
  TRY("chdir", chdir("/"));
  TRY("truncate", truncate(TARGET "/secret", 0));
  TRY("link", link(TARGET "/secret", TARGET "/other"));
  TRY("rename", rename(TARGET "/secret", TARGET "/third"));
  TRY("unlink", unlink(TARGET "/third"));
  TRY("inotify_init", syscall(SYS_inotify_init1, 0));
  TRY("execve", ({
        pid_t child = fork();
        if (child == 0) {
          execv("/bin/true", (char *[]){"/bin/true", NULL});
          _exit(99);
        }
        int status = -1;
        if (child > 0) waitpid(child, &status, 0);
        child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
      }));
  int memory = syscall(SYS_memfd_create, "probe", 0);
  TRY("memfd_create", memory);
  TRY("write to the document", pwrite(0, "X", 1, 0));
  TRY("write lock on the document", fcntl(0, F_SETLK, &(struct flock){.l_type = F_WRLCK}));
  TRY("flags of the document", fcntl(0, F_SETFL, O_APPEND));
  TRY("an owner for signals of the socket", fcntl(1, F_SETOWN, parent));
  TRY("map the document shared and writable",
      mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0) == MAP_FAILED ? -1 : 0);
  TRY("a descriptor of the parent's", fcntl(INHERITED, F_GETFD));
}

static int datagrams(void) { return socket(AF_INET, SOCK_DGRAM, 0); }
static int streams(int protocol) { return socket(AF_INET, SOCK_STREAM, protocol); }

static void network(void) {
  struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_port = htons(TCP_PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in udp = tcp, free_port = tcp;
  udp.sin_port = htons(UDP_PORT);
  free_port.sin_port = 0;
  TRY("TCP connect", connect(streams(0), (void *)&tcp, sizeof tcp));
  TRY("MPTCP connect", connect(streams(MPTCP), (void *)&tcp, sizeof tcp));
  TRY("TCP fast open", sendto(streams(0), "x", 1, MSG_FASTOPEN, (void *)&tcp, sizeof tcp));
  TRY("TCP listen without bind", listen(streams(0), 5));
  TRY("TCP bind", bind(streams(0), (void *)&free_port, sizeof free_port));
  TRY("UDP bind", bind(datagrams(), (void *)&free_port, sizeof free_port));
  TRY("UDP send", sendto(datagrams(), "x", 1, 0, (void *)&udp, sizeof udp));
  TRY("UDP connect", connect(datagrams(), (void *)&udp, sizeof udp));
  TRY("TCP socket", streams(0));
  TRY("SCTP socket", streams(132));
  TRY("ICMP socket", socket(AF_INET, SOCK_DGRAM, 1));
  TRY("raw socket", socket(AF_INET, SOCK_RAW, 255));
  TRY("IPv6 socket", socket(AF_INET6, SOCK_STREAM, 0));
  TRY("packet socket", socket(AF_PACKET, SOCK_RAW, htons(3)));
  TRY("netlink route socket", socket(AF_NETLINK, SOCK_RAW, 0));
  TRY("netlink sock_diag socket", socket(AF_NETLINK, SOCK_RAW, 4));
  TRY("vsock socket", socket(40, SOCK_STREAM, 0));
  TRY("AF_ALG socket", socket(38, SOCK_SEQPACKET, 0));
  TRY("SMC socket", socket(43, SOCK_STREAM, 0));
  TRY("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0}));
  struct sockaddr_un named = {.sun_family = AF_UNIX, .sun_path = TARGET "/socket"};
  TRY("connect to a unix socket", connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&named, sizeof named));
  struct sockaddr_un abstract = {.sun_family = AF_UNIX};
  size_t name = sizeof ABSTRACT - 1;
  memcpy(abstract.sun_path + 1, ABSTRACT, name);
  TRY("connect to an abstract unix socket",
      connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&abstract, offsetof(struct sockaddr_un, sun_path) + 1 + name));
  // Nothing is sent, which would disturb the answers; closed means that the kernel does not even look.
  TRY("send a descriptor", sendmsg(-1, &(struct msghdr){0}, 0) < 0 && errno == ENOSYS ? -1 : 0);
}

// Sets a limit of another process to what it is, or to something if that is not told.
static long set_same(pid_t process, int resource) {
  uint64_t limit[2] = {1 << 20, 1 << 20};
  syscall(SYS_prlimit64, process, resource, NULL, limit);
  return syscall(SYS_prlimit64, process, resource, limit, NULL);
}

static void processes(pid_t parent) {
  uint64_t limit[2];
  struct rlimit own, more = {RLIM_INFINITY, RLIM_INFINITY};
  char byte[8];
  struct iovec here = {byte, 8}, there = {(void *)0x400000, 8};
  cpu_set_t cores;
  TRY("kill the parent", kill(parent, 0));
  TRY("kill the group of the parent", kill(-getpgid(parent), 0));
  TRY("kill everybody", kill(-1, 0));
  TRY("tgkill the parent", syscall(SYS_tgkill, parent, parent, 0));
  TRY("tkill the parent", syscall(SYS_tkill, parent, 0));
  TRY("queue a signal to the parent", syscall(SYS_rt_sigqueueinfo, parent, 0, byte));
  int handle = syscall(SYS_pidfd_open, parent, 0);
  TRY("pidfd_open of the parent", handle);
  TRY("pidfd_send_signal", syscall(SYS_pidfd_send_signal, handle, 0, NULL, 0));
  TRY("pidfd_getfd", syscall(SYS_pidfd_getfd, handle, 0, 0));
  TRY("ptrace of the parent", ptrace(PTRACE_SEIZE, parent, NULL, NULL));
  TRY("read the parent's memory", process_vm_readv(parent, &here, 1, &there, 1, 0));
  TRY("kcmp with the parent", syscall(SYS_kcmp, getpid(), parent, 0, 0, 0));
  TRY("read the parent's limits", syscall(SYS_prlimit64, parent, RLIMIT_NOFILE, NULL, limit));
  TRY("set the parent's open files", set_same(parent, RLIMIT_NOFILE));
  TRY("set the parent's processor time", set_same(parent, RLIMIT_CPU));
  TRY("set the parent's memory", set_same(parent, RLIMIT_AS));
  TRY("set the parent's cores", sched_getaffinity(parent, sizeof cores, &cores)
                                    ? -1 : sched_setaffinity(parent, sizeof cores, &cores));
  TRY("set the parent's priority", setpriority(PRIO_PROCESS, parent, 0));
  TRY("raise the own memory", setrlimit(RLIMIT_AS, &more));
  TRY("raise the own file size", setrlimit(RLIMIT_FSIZE, &more));
  TRY("raise the own processor time", getrlimit(RLIMIT_CPU, &own)
                                          ? -1 : setrlimit(RLIMIT_CPU, &(struct rlimit){own.rlim_max, own.rlim_max}));
  TRY("outlive the parent", prctl(PR_SET_PDEATHSIG, 0));
  TRY("be dumpable", prctl(PR_SET_DUMPABLE, 1));
  TRY("leave the process group", setpgid(0, 0) | setsid());
  TRY("start a process", ({
        pid_t child = fork();
        if (child == 0) _exit(0);
        if (child > 0) waitpid(child, NULL, 0);
        child;
      }));
  TRY("start a process by vfork", ({
        pid_t child = syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
        if (child == 0) _exit(0);
        if (child > 0) waitpid(child, NULL, 0);
        child;
      }));
  TRY("start a process by clone3", ({
        uint64_t arguments[8] = {0, 0, 0, 0, SIGCHLD};
        pid_t child = syscall(SYS_clone3, arguments, sizeof arguments);
        if (child == 0) _exit(0);
        if (child > 0) waitpid(child, NULL, 0);
        child;
      }));
}

static void memory(void) {
  int segment = shmget(IPC_PRIVATE, 1 << 20, IPC_CREAT | 0600);
  TRY("SysV shared memory", segment);
  if (segment >= 0) shmctl(segment, IPC_RMID, NULL);
  int queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
  TRY("SysV message queue", queue);
  if (queue >= 0) msgctl(queue, IPC_RMID, NULL);
  int semaphores = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
  TRY("SysV semaphores", semaphores);
  if (semaphores >= 0) semctl(semaphores, 0, IPC_RMID);
  TRY("POSIX message queue", syscall(SYS_mq_open, "recto-probe", O_CREAT | O_RDWR, 0600, NULL));
  TRY("writable and executable memory",
      mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TRY("make memory executable", mprotect(page, 4096, PROT_READ | PROT_EXEC));
  TRY("make memory executable by key", syscall(SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_EXEC, -1));
  TRY("lock memory", mlock(page, 4096));
}

static void kernel(void) {
  char room[256] = {0};
  struct { uint32_t type, size; char rest[112]; } event = {1, 112, {0}};
  TRY("io_uring", syscall(SYS_io_uring_setup, 8, room));
  TRY("asynchronous I/O", syscall(SYS_io_setup, 1, room));
  TRY("userfaultfd", syscall(SYS_userfaultfd, 1));
  TRY("perf events", syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
  TRY("a key in the session keyring", syscall(SYS_add_key, "user", "recto-probe", "x", 1, -3));
  TRY("the session keyring", syscall(SYS_keyctl, 0, -3, 0));
  TRY("the kernel's log", syscall(SYS_syslog, 10, NULL, 0));
  TRY("its name", syscall(SYS_uname, (char[400]){0}));
  TRY("a user namespace", unshare(CLONE_NEWUSER));
  TRY("a network namespace", unshare(CLONE_NEWUSER | CLONE_NEWNET));
  TRY("another one's namespace", syscall(SYS_setns, 0, 0));
  TRY("mount", syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL));
  TRY("chroot", chroot(TARGET));
  TRY("pivot_root", syscall(SYS_pivot_root, "/", "/"));
  TRY("another uid", setuid(getuid() == 12345 ? 12346 : 12345));
  TRY("the host's name", sethostname("probe", 5));
  TRY("a seccomp filter of its own", syscall(SYS_seccomp, 2, 0, room));
  // These fail for others, too; closed means that the kernel does not even look.
  TRY("bpf", syscall(SYS_bpf, 5, NULL, 0) < 0 && errno == ENOSYS ? -1 : 0);
  TRY("a kernel module", syscall(SYS_init_module, "x", 1, "") < 0 && errno == ENOSYS ? -1 : 0);
}

void *FPDF_LoadCustomDocument(void *file, const char *password) {
  static int tried;
  void *(*real)(void *, const char *) = dlsym(RTLD_NEXT, "FPDF_LoadCustomDocument");
  if (report && report != MAP_FAILED && !tried++) {
    pid_t parent = getppid();
    signal(SIGXFSZ, SIG_IGN);
    files(parent);
    close_opened();
    network();
    close_opened();
    processes(parent);
    memory();
    kernel();
    tell("end\n");
  }
  return real(file, password);
}
