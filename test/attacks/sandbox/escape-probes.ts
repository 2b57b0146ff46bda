// Ways out of a sandbox, as Python that says ESCAPED where one got what it wanted.

/** Name, Python code whose value is true where the attack worked, and whether the control must succeed on any kernel. */
export const probes: readonly (readonly [string, string, boolean])[] = [
  ['reach a public address', 'routed("192.0.2.1")', true],
  ['reach the metadata address', 'routed("169.254.169.254")', true],
  ['reach the bridge of Docker', 'routed("172.17.0.1")', true],
  ['have an interface besides loopback', 'set(os.listdir("/sys/class/net")) - {"lo"}', true],
  ['open a raw socket', 'socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)', true],
  ['open a packet socket', 'socket.socket(socket.AF_PACKET, socket.SOCK_RAW)', true],
  ['write to the root', 'write("/probe")', true],
  ['write to /etc', 'write("/etc/probe")', true],
  ['write to /usr/lib/python3', 'write("/usr/lib/python3/dist-packages/sitecustomize.py")', true],
  ['write to the toolbox', 'write("/opt/doubleblind/probe")', false],
  ['write to the bundle', 'write(data + "/probe")', true],
  ['change a file of the bundle', 'open(data + "/train.csv", "r+")', true],
  ['change the mode of the bundle', 'os.chmod(data + "/train.csv", 0o666) is None', true],
  ['delete from the bundle', 'os.unlink(data + "/train.csv") is None', false],
  ['be root', 'os.getuid() == 0 or os.geteuid() == 0', true],
  ['become root', 'os.setuid(0) is None', true],
  ['hold a capability', 'int(field("CapEff"), 16) or int(field("CapBnd"), 16)', true],
  ['be free of no-new-privileges', 'field("NoNewPrivs") == "0"', true],
  ['be free of seccomp', 'field("Seccomp") == "0"', true],
  ['find a setuid program', 'setuid_programs()', false],
  ['write a sysctl', 'open("/proc/sys/kernel/core_pattern", "w")', true],
  ['press sysrq', 'open("/proc/sysrq-trigger", "w")', false],
  ['read kernel memory', 'open("/proc/kcore", "rb").read(4096)', false],
  ['read the kernel log', 'open("/dev/kmsg")', false],
  ['see the docker socket', 'os.path.exists("/var/run/docker.sock") or os.path.exists("/run/docker.sock")', true],
  ['write to its cgroup', 'write_cgroup()', true],
  ['see a block device', '[n for n in os.listdir("/dev") if n.startswith(("vd", "sd", "nvme", "loop"))]', false],
  ['make a device', 'os.mknod(tmp + "/mem", 0o600 | stat.S_IFCHR, os.makedev(1, 1)) is None', true],
  ['mount', 'libc.mount(b"none", tmp.encode(), b"tmpfs", 0, 0) == 0 and libc.umount(tmp.encode()) == 0', true],
  ['make a mount namespace', 'libc.unshare(0x00020000) == 0', true],
  ['make a user namespace', 'libc.unshare(0x10000000) == 0', false],
  ['join the namespace of process 1', 'libc.setns(os.open("/proc/1/ns/mnt", 0), 0) == 0', false],
  ['change the root', 'os.chroot(tmp) is None', true],
  ['load a BPF program', 'libc.syscall(321, 5, bytes(128), 128) != -1 or ctypes.get_errno() not in (1, 38)', false],
  ['use userfaultfd', 'libc.syscall(323, 0) >= 0', false],
  ['open perf events', 'libc.syscall(298, bytes(128), 0, -1, -1, 0) >= 0', false],
  ['add a key', 'libc.syscall(248, b"user", b"probe", b"x", 1, -3) >= 0', false],
  ['load a kernel module', 'libc.syscall(175, b"x", 1, b"") != -1 or ctypes.get_errno() not in (1, 38)', false],
  ['set the clock', 'time.clock_settime(time.CLOCK_REALTIME, time.time()) is None', true],
  ['set the host name', 'libc.sethostname(b"probe", 5) == 0', false],
  ['raise its priority', 'os.nice(-5) < 0', true],
  ['raise its file limit', 'resource.setrlimit(resource.RLIMIT_NOFILE, (9999, 9999)) is None', false],
  ['open the descriptors of process 1', 'os.listdir("/proc/1/fd")', true],
  ['read the memory of process 1', 'open("/proc/1/mem", "rb")', true],
  // PTRACE_SEIZE: PTRACE_ATTACH would stop process 1, which in the control is the probes' own parent.
  ['trace process 1', 'libc.ptrace(0x4206, 1, 0, 0) == 0', false],
  ['set up an io_uring', 'libc.syscall(425, 8, ctypes.create_string_buffer(120)) >= 0', false],
  ['read memory of another process', 'peek()', true],
  ['reach for a descriptor of process 1', 'libc.syscall(438, libc.syscall(434, 1, 0), 0, 0) >= 0', false],
  ['ask for a key', 'libc.syscall(250, 0, -3, 1) >= 0', false],
  [
    'open a file by its handle',
    'libc.syscall(304, -1, ctypes.create_string_buffer(8), 0) == -1 and ctypes.get_errno() not in (1, 38)',
    true,
  ],
  ['make 32-bit calls', 'libc.personality(8) < 0 or libc.syscall(135, 0x0200000) >= 0', false],
  ['watch a file system', 'libc.syscall(300, 0, 0) >= 0', true],
  ['see processes of the host', 'len([p for p in os.listdir("/proc") if p.isdigit()]) > 20', false],
  ['find a secret in the environment', '[k for k in os.environ if "KEY" in k or "TOKEN" in k or "SECRET" in k]', false],
];

const prelude = `
import ctypes, os, resource, socket, stat, sys, time
data, tmp = sys.argv[1], sys.argv[2]
libc = ctypes.CDLL(None, use_errno=True)
def routed(host):
    # A connected datagram socket needs a route and sends nothing, so the control, which has one, bothers nobody.
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect((host, 9)); return True
def write(path):
    with open(path, 'w') as f: f.write('x')
    os.unlink(path); return True
def field(name):
    return [l.split()[1] for l in open('/proc/self/status') if l.startswith(name + ':')][0]
def write_cgroup():
    for base in ('/sys/fs/cgroup', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/devices'):
        if os.access(base + '/cgroup.procs', os.W_OK): return True
def peek():
    value, copy, child = ctypes.c_long(7), ctypes.c_long(0), os.getppid()
    class Vector(ctypes.Structure): _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
    here = Vector(ctypes.addressof(copy), 8)
    there = Vector(ctypes.addressof(value), 8)
    # The parent has the same memory layout: the fork came from it.
    return libc.syscall(310, child, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) >= 0 or ctypes.get_errno() == 14
def setuid_programs():
    found = []
    for root, _, names in os.walk('/usr'):
        for n in names:
            s = os.lstat(os.path.join(root, n))
            if stat.S_ISREG(s.st_mode) and s.st_mode & 0o6000: found.append(n)
    return found
def probe(name, code):
    pid = os.fork()
    if pid == 0:
        try: worked = eval(code)
        except BaseException: worked = False
        if worked: print('ESCAPED', name, flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
`;
/** Tries all of them, each in a process of its own; its words are the bundle's folder and a writable one. */
export const program = `${prelude}${probes.map(([name, code]) => `probe(${JSON.stringify(name)}, ${JSON.stringify(code)})`).join('\n')}\nprint('all probed')\n`;
/** Names of the probes that worked, by what the program printed. */
export const escaped = (log: string): string[] => [...log.matchAll(/^ESCAPED (.*)$/gm)].map((match) => match[1] ?? '');
