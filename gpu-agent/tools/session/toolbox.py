"""The first process of a sandbox: keeps the shell and the interpreter, runs commands, hands files in and out.

Owns: the processes of the sandbox and what they print. Leaves to the agent outside: what to run, and what it means.

It reads one JSON object a line from standard input and answers on standard output. The container's own input and
output are the channel, so a new daemon that attaches finds the same shell and the same interpreter again.

Invariants:
1. Nothing that the sandbox runs can reach the channel: children get no descriptor of it, and this process is not
   "dumpable", so a process of the same user can neither trace it nor open its descriptors. As process 1 of its
   namespace it cannot be killed from inside.
2. A call that runs out of time ends with all that it started, daemonised grandchildren included. What still stands
   after that is ended by one kill(-1), which no fork bomb outruns.
3. What is kept of any output is bounded, whoever prints it and how much.
4. Before files are taken, and after `execute`, no other process is alive.
5. File calls work in a forked child under the same deadline: a FIFO or a file of /proc hangs or breaks only that.

`--local ROOT` serves tests without a container: /work, /data, /out and /tmp lie below ROOT, only descendants are killed.
"""

import base64
import ctypes
import errno
import fcntl
import json
import os
import select
import selectors
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)  # isolated mode leaves it out

import files  # noqa: E402
from output import Log, Output  # noqa: E402

LOCAL = sys.argv[2] if len(sys.argv) > 2 and sys.argv[1] == "--local" else None
ROOT = LOCAL or ""
PLACES = tuple(ROOT + place for place in ("/work", "/out", "/tmp"))
# Requests carry at most a chunk of a tar or one file's text; replies at most a chunk.
MAX_REQUEST = 24 * 2**20
CHUNK = 96 * 1024
# When that much waits for the reader outside, files are no longer read ahead.
QUEUE_LIMIT = 2**20
SAMPLE_SECONDS = 0.1
DEFAULT_SIGNALS = (signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ, signal.SIGTERM)

# The descriptors are closed for what the command starts, and the loop survives whatever eval does but `exit`.
BASH = r"""
while IFS= read -r -d '' -u 250 __call; do
  eval "$__call" 250<&- 251>&-
  printf '%d\n' "$?" >&251
done
"""

libc = ctypes.CDLL(None, use_errno=True)
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36


def first_number(*paths, key=None, scale=1):
    """The number in the first of these files that can be read; with `key`, the one behind that word. None: no file."""
    for path in paths:
        try:
            with open(path, "rb") as file:
                text = file.read(16384).decode()
        except OSError:
            continue
        if key is None:
            return int(text) * scale
        for line in text.splitlines():
            word, _, value = line.partition(" ")
            if word == key:
                return int(value) * scale
    return None


CGROUP = "/sys/fs/cgroup"


def oom_kills():
    return (
        first_number(f"{CGROUP}/memory/memory.oom_control", key="oom_kill")
        or first_number(f"{CGROUP}/memory.events", key="oom_kill")
        or 0
    )


def cpu_seconds():
    nanoseconds = first_number(f"{CGROUP}/cpuacct/cpuacct.usage", f"{CGROUP}/cpu,cpuacct/cpuacct.usage")
    if nanoseconds is None:
        nanoseconds = first_number(f"{CGROUP}/cpu.stat", key="usage_usec", scale=1000)
    if nanoseconds is None or LOCAL:
        times = os.times()
        return times.children_user + times.children_system
    return nanoseconds / 1e9


def memory_bytes():
    """What counts against the limit and cannot be reclaimed: process memory and files (they live in memory)."""
    if LOCAL:
        return 0
    old = f"{CGROUP}/memory/memory.stat"
    rss = first_number(old, key="total_rss")
    if rss is not None:
        return rss + (first_number(old, key="total_shmem") or 0)
    new = f"{CGROUP}/memory.stat"
    return (first_number(new, key="anon") or 0) + (first_number(new, key="shmem") or 0)


def fullest_place():
    """The share in use of the fullest writable place, 0..1."""
    worst = 0.0
    for place in PLACES:
        try:
            status = os.statvfs(place)
        except OSError:
            continue
        if status.f_blocks:
            worst = max(worst, 1 - status.f_bavail / status.f_blocks)
    return 0.0 if LOCAL else worst


def spawn(argv, directory, keep):
    """Starts a program with only the descriptors in `keep` ({number in the child: ours}). Returns its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        for number in DEFAULT_SIGNALS + (signal.SIGCHLD,):
            signal.signal(number, signal.SIG_DFL)
        moved = {target: fcntl.fcntl(source, fcntl.F_DUPFD, 300) for target, source in keep.items()}
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        for target, source in moved.items():
            os.dup2(source, target)
        low = 0
        for target in sorted(set(moved) | {0, 1, 2}):
            if low < target:  # Python's closerange(0, 0) closes everything
                os.closerange(low, target)
            low = target + 1
        os.closerange(low, 4096)
        libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
        make_expendable()
        os.setsid()
        os.chdir(directory)
        os.execvp(argv[0], argv)
    except BaseException as error:  # the child must never return into the loop
        try:
            os.write(2, f"{argv[0]}: {getattr(error, 'strerror', None) or error}\n".encode())
        finally:
            os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def make_expendable():
    """Out of memory must hit what the sandbox runs, never process 1."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:
        pass


def exit_status(status):
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def process_table():
    """{process: parent} of all living processes (zombies are dead already)."""
    parents = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields and fields[0] not in (b"Z", b"X"):
            parents[int(name)] = int(fields[1])
    return parents


def tree_of(root, parents):
    members, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in members} - members
        grown = bool(more)
        members |= more
    return members


# A moment for processes that are about to end when a call does.
LAST_SECONDS = 0.2


class Session:
    """A shell or an interpreter that outlives its calls. `exit` is its status once it is dead."""

    exit = None

    def __init__(self, kind, loop):
        command_read, self.command = os.pipe()
        self.status, status_write = os.pipe()
        self.output, output_write = os.pipe()
        if kind == "bash":
            argv = ["bash", "--noprofile", "--norc", "-c", BASH]
        else:
            argv = [sys.executable, "-u", os.path.join(HERE, "interpreter.py")]
        inside = {1: output_write, 2: output_write, 250: command_read, 251: status_write}
        self.pid = spawn(argv, ROOT + "/work", inside)
        for descriptor in (command_read, status_write, output_write):
            os.close(descriptor)
        for descriptor in (self.command, self.status, self.output):
            os.set_blocking(descriptor, False)
        self.kind, self.pending, self.idle_output = kind, b"", bytearray()
        self.loop = loop
        loop.register(self.status, selectors.EVENT_READ, ("status", self))
        loop.register(self.output, selectors.EVENT_READ, ("output", self))

    def send(self, text):
        data = text.encode("utf-8", "surrogatepass")
        self.pending += data + b"\0" if self.kind == "bash" else len(data).to_bytes(4, "big") + data
        self.flush()

    def flush(self):
        while self.pending:
            try:
                self.pending = self.pending[os.write(self.command, self.pending) :]
            except BlockingIOError:
                break
            except OSError:  # the session is gone; its death is seen elsewhere
                self.pending = b""
        if self.pending and self.command not in self.loop.get_map():
            self.loop.register(self.command, selectors.EVENT_WRITE, ("command", self))
        elif not self.pending and self.command in self.loop.get_map():
            self.loop.unregister(self.command)

    def close(self):
        for descriptor in (self.command, self.status, self.output):
            if descriptor in self.loop.get_map():
                self.loop.unregister(descriptor)
            os.close(descriptor)


class Call:
    """What is being worked on; at most one at a time."""

    def __init__(self, request):
        self.id, self.op, self.request = request["id"], request["op"], request
        self.started = time.monotonic()
        self.deadline = self.started + request.get("timeoutMs", 60_000) / 1000
        self.oom_before, self.cpu_before = oom_kills(), cpu_seconds()
        self.peak, self.fullest = 0, 0.0
        self.session = self.pid = self.pipe = self.feed = None
        self.output, self.restarted = Output(), False
        self.queue, self.closed, self.exit = [], False, None

    def sample(self):
        self.peak = max(self.peak, memory_bytes())
        self.fullest = max(self.fullest, fullest_place())


class Toolbox:
    def __init__(self):
        self.loop = selectors.DefaultSelector()
        self.sessions = {"bash": None, "python": None}
        self.lost = set()  # sessions that died since their last call
        self.call = None
        self.peak = 0
        self.observations = 0
        self.jobs = set()  # what was left in the background when the last call ended
        self.inbox, self.outbox = bytearray(), bytearray()

    # --- the channel -------------------------------------------------------------------------------------------

    def reply(self, **fields):
        self.outbox += json.dumps(fields).encode() + b"\n"
        self.write_outbox()

    def write_outbox(self):
        try:
            while self.outbox:
                del self.outbox[: os.write(1, self.outbox[:65536])]
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno != errno.EPIPE:
                raise
            self.outbox.clear()
        waiting = 1 in self.loop.get_map()
        if self.outbox and not waiting:
            self.loop.register(1, selectors.EVENT_WRITE, ("outbox", None))
        elif not self.outbox and waiting:
            self.loop.unregister(1)

    def read_requests(self):
        data = os.read(0, 2**20)
        if not data:
            self.kill_all()
            sys.exit(0)
        self.inbox += data
        while b"\n" in self.inbox:
            line, _, rest = self.inbox.partition(b"\n")
            self.inbox = rest
            try:
                request = json.loads(line)
            except ValueError:
                continue  # half a request of a daemon that died while writing it
            self.take_request(request)
        if len(self.inbox) > MAX_REQUEST:
            self.inbox.clear()

    def take_request(self, request):
        op = request["op"]
        if op == "hello":
            if self.call:
                self.stop_call(cancelled=True)
            self.reply(id=request["id"], done=True, version=1)
        elif op == "cancel":
            if self.call and self.call.id == request["target"]:
                self.stop_call(cancelled=True)
        elif op == "chunk":
            if self.call and self.call.id == request["id"] and self.call.feed is not None:
                self.call.queue.append(base64.b64decode(request["data"]))
                self.call.closed = request["last"]
                self.feed_child()
        elif self.call:
            self.reply(id=request["id"], done=True, error="the sandbox is busy with another call")
        else:
            self.begin(Call(request))

    # --- calls -------------------------------------------------------------------------------------------------

    def begin(self, call):
        self.call = call
        call.sample()
        try:
            if call.op in ("bash", "python"):
                self.signal_others(signal.SIGCONT)
                self.begin_session(call, call.op)
            elif call.op == "execute":
                self.begin_execute(call)
            else:
                self.begin_file(call)
        except OSError as error:  # fork refused: the sandbox is at its process limit
            if call.op == "execute":
                log = f"cannot start: {error.strerror}\n"
                self.finish(end="crash", exitStatus=126, log=log, cpuSeconds=0, peakMemoryBytes=0)
            else:
                call.output.feed(f"cannot start: {error.strerror}\n".encode())
                self.finish_call(exit=126)

    def begin_session(self, call, kind):
        session = self.sessions[kind]
        if session is None:
            session = self.sessions[kind] = Session(kind, self.loop)
        if kind in self.lost:
            self.lost.discard(kind)
            call.restarted = True
        call.session = session
        call.output.feed(bytes(session.idle_output))
        session.idle_output.clear()
        session.send(call.request["command" if kind == "bash" else "code"])

    def begin_execute(self, call):
        self.kill_all()
        call.output = Log(call.request["maxLogBytes"])
        read, write = os.pipe()
        try:
            call.pid = spawn(call.request["argv"], ROOT + call.request["directory"], {1: write, 2: write})
        except OSError:
            os.close(read)
            raise
        finally:
            os.close(write)
        os.set_blocking(read, False)
        call.pipe = read
        self.loop.register(read, selectors.EVENT_READ, ("pipe", call))

    def begin_file(self, call):
        """take, put and the file calls: one forked child, raw bytes on one pipe, a verdict on the other."""
        if call.op in ("takeTree", "takeFile"):
            self.signal_others(signal.SIGCONT)
            self.jobs = set()
            self.let_end(call)
            left = self.kill_all()
            if left:
                self.finish(verdict={"kind": "unsafe", "message": f"{left} processes could not be ended"})
                return
        data_read, data_write = os.pipe()
        feed_read, feed_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                signal.set_wakeup_fd(-1)
                for number in DEFAULT_SIGNALS + (signal.SIGCHLD,):
                    signal.signal(number, signal.SIG_DFL)
                make_expendable()
                null = os.open("/dev/null", os.O_RDWR)
                os.dup2(null, 0)
                os.dup2(null, 1)
                os.close(data_read)
                os.close(feed_write)
                status = files.serve(call.request, data_write, feed_read, ROOT, PLACES)
            finally:
                os._exit(status)
        os.close(data_write)
        os.close(feed_read)
        os.set_blocking(data_read, False)
        os.set_blocking(feed_write, False)
        call.pid, call.pipe = pid, data_read
        if call.op == "putTree":
            call.feed = feed_write
        else:
            os.close(feed_write)
        call.frames = bytearray()
        self.loop.register(data_read, selectors.EVENT_READ, ("pipe", call))

    def feed_child(self):
        call = self.call
        try:
            while call.queue:
                written = os.write(call.feed, call.queue[0])
                call.queue[0] = call.queue[0][written:]
                if not call.queue[0]:
                    call.queue.pop(0)
        except BlockingIOError:
            if call.feed not in self.loop.get_map():
                self.loop.register(call.feed, selectors.EVENT_WRITE, ("feed", call))
            return
        except OSError:
            call.queue.clear()
        if call.feed in self.loop.get_map():
            self.loop.unregister(call.feed)
        if call.closed:
            os.close(call.feed)
            call.feed = None

    # --- the end of calls --------------------------------------------------------------------------------------

    def finish(self, **fields):
        call, self.call = self.call, None
        for descriptor in (call.pipe, call.feed):
            if descriptor is not None:
                if descriptor in self.loop.get_map():
                    self.loop.unregister(descriptor)
                os.close(descriptor)
        self.peak = max(self.peak, call.peak)
        self.reply(id=call.id, done=True, wallSeconds=round(time.monotonic() - call.started, 6), **fields)

    def finish_call(self, exit, timed_out=False):
        """A session call or a file call has ended."""
        call = self.call
        call.sample()
        if call.op in ("bash", "python"):
            self.pause(call)
        text, characters, truncated, full = call.output.bounded()
        where = None
        if truncated and call.op in ("bash", "python"):
            self.observations += 1
            where = files.write_observation(ROOT + "/work", self.observations, full)
        elif truncated:
            where = call.request.get("path")
        self.finish(
            exitStatus=exit,
            output=text,
            outputCharacters=characters,
            truncated=truncated,
            **({"fullOutputPath": where} if where else {}),
            peakMemoryBytes=max(self.peak, call.peak),
            timedOut=timed_out,
            outOfMemory=oom_kills() > call.oom_before,
            sessionRestarted=call.restarted,
        )

    def finish_execute(self, exit, timed_out=False, cancelled=False):
        call = self.call
        call.sample()
        self.kill_all()
        self.drain(call.pipe, call.output)
        log, oom = call.output.text(), oom_kills() > call.oom_before
        end = "completed" if exit == 0 else classify(exit, log, oom, max(call.fullest, fullest_place()))
        end = "cancelled" if cancelled else "timeout" if timed_out else end
        self.finish(
            end=end,
            exitStatus=None if cancelled or timed_out else exit,
            log=log,
            cpuSeconds=max(0.0, cpu_seconds() - call.cpu_before),
            peakMemoryBytes=call.peak,
        )

    def stop_call(self, cancelled=False):
        """Out of time, or no longer wanted."""
        call = self.call
        if call.op == "execute":
            self.finish_execute(None, timed_out=not cancelled, cancelled=cancelled)
        elif call.session:
            self.end_session(call.session, call)
            self.finish_call(None, timed_out=not cancelled)
        else:
            os.kill(call.pid, signal.SIGKILL)
            if call.op in ("takeTree", "takeFile", "putTree"):
                self.finish(verdict={"kind": "unsafe", "message": "it did not end in time"})
            else:
                call.output.feed(b"the file did not answer in time\n")
                self.finish_call(None, timed_out=not cancelled)

    def end_session(self, session, call):
        """Ends a session with everything that the other one does not own."""
        other = self.sessions["python" if session.kind == "bash" else "bash"]
        self.kill_others(other.pid if other else None)
        self.drain(session.output, call.output)
        self.forget(session)
        call.restarted = True

    def forget(self, session):
        if self.sessions[session.kind] is session:
            session.close()
            self.sessions[session.kind] = None

    def drain(self, descriptor, output):
        """Takes what is in a pipe already, at most its capacity: a process that floods it must not hold us."""
        for _ in range(32):
            try:
                data = os.read(descriptor, 65536)
            except OSError:
                return
            if not data:
                return
            output.feed(data)

    # --- holding processes -------------------------------------------------------------------------------------

    def pause(self, call):
        """Between calls nothing runs: the slot is another trajectory's, or its clean-slate run's, then."""
        left = self.let_end(call)
        self.signal_others(signal.SIGSTOP)
        if left and not self.jobs:
            call.output.feed(b"\n[processes in the background are paused between your calls; to let them work, wait within a call]\n")
        self.jobs = left

    def let_end(self, call):
        """Waits a moment for what is about to end, such as the sort of `> >(sort > file)`, and gives what stays. What stayed before
        gets a smaller one: it may have output of this call in its hands."""
        begun = time.monotonic()
        while True:
            left = self.others()
            waited = time.monotonic() - begun
            if not left or waited >= LAST_SECONDS or (left <= self.jobs and waited >= LAST_SECONDS / 10):
                return left
            for session in self.sessions.values():
                if session and session is call.session:
                    self.drain(session.output, call.output)
            self.reap()
            time.sleep(0.002)

    def others(self):
        """Everybody but us and the sessions."""
        parents = process_table()
        everybody = set(parents) if os.getpid() == 1 else tree_of(os.getpid(), parents)
        return everybody - {os.getpid()} - {session.pid for session in self.sessions.values() if session}

    def signal_others(self, number):
        """To every other process that this user may signal."""
        if os.getpid() == 1:
            try:
                os.kill(-1, number)  # atomic for the whole namespace
            except OSError:
                pass
            return
        done = set()
        while True:  # until none was made meanwhile
            new = tree_of(os.getpid(), process_table()) - done - {os.getpid()}
            if not new:
                return
            for pid in new:
                try:
                    os.kill(pid, number)
                except OSError:
                    pass
            done |= new

    # --- ending processes --------------------------------------------------------------------------------------

    def kill_others(self, keep):
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            parents = process_table()
            spared = {os.getpid()} | (tree_of(keep, parents) if keep else set())
            candidates = set(parents) if os.getpid() == 1 else tree_of(os.getpid(), parents)
            alive = False
            for pid in candidates - spared:
                try:
                    os.kill(pid, signal.SIGKILL)
                    alive = True
                except OSError:
                    pass
            self.reap()
            if not alive:
                return
            time.sleep(0.002)
        self.kill_all()

    def kill_all(self):
        """Ends every other process that this user may end; the number that would not go."""
        deadline, left = time.monotonic() + 5, 0
        while time.monotonic() < deadline:
            if os.getpid() == 1:
                try:
                    os.kill(-1, signal.SIGKILL)  # atomic for the whole namespace
                except ProcessLookupError:
                    pass
            parents = process_table()
            targets = set(parents) if os.getpid() == 1 else tree_of(os.getpid(), parents)
            left = 0
            for pid in targets - {os.getpid()}:
                try:
                    os.kill(pid, signal.SIGKILL)
                    left += 1
                except OSError:
                    pass
            self.reap()
            if left == 0:
                break
            time.sleep(0.002)
        for session in list(self.sessions.values()):
            if session:
                self.lost.add(session.kind)
                self.forget(session)
        return left

    def reap(self):
        """Collects the dead; we are everybody's parent in the end."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self.call:
                self.call.peak = max(self.call.peak, usage.ru_maxrss * 1024)
            if self.call and self.call.pid == pid:
                self.call.exit = exit_status(status)
            for session in self.sessions.values():
                if session and session.pid == pid:
                    session.exit = exit_status(status)

    def after_reaping(self):
        call = self.call
        for session in list(self.sessions.values()):
            if session is None or session.exit is None:
                continue
            if call and call.session is session:
                self.end_session(session, call)
                self.finish_call(session.exit)
            else:
                self.lost.add(session.kind)
                self.forget(session)
        if call and call is self.call and call.op == "execute" and call.exit is not None:
            self.finish_execute(call.exit)

    # --- events ------------------------------------------------------------------------------------------------

    def session_status(self, session):
        try:
            data = os.read(session.status, 256)
        except BlockingIOError:
            return
        call = self.call
        if not data and self.dies(session):
            return  # after_reaping tells how
        text = data.strip()
        if call and call.session is session and text.isdigit() and len(text) <= 3:
            self.drain(session.output, call.output)
            self.finish_call(int(text))
        elif call and call.session is session:  # the code wrote to our pipe, or closed it
            self.end_session(session, call)
            call.output.feed(b"\nthe session was broken and had to be restarted\n")
            self.finish_call(1)
        else:
            self.lost.add(session.kind)
            os.kill(session.pid, signal.SIGKILL)
            self.forget(session)

    def dies(self, session):
        """True where the session's process is about to be dead, which it is soon after it closed its end."""
        deadline = time.monotonic() + 0.5
        while session.exit is None and time.monotonic() < deadline:
            self.reap()
            time.sleep(0.001)
        return session.exit is not None

    def session_output(self, session):
        target = self.call.output if self.call and self.call.session is session else None
        try:
            data = os.read(session.output, 65536)
        except BlockingIOError:
            return
        if not data:
            self.loop.unregister(session.output)
        elif target:
            target.feed(data)
        elif len(session.idle_output) < 65536:  # background jobs: the next call shows it
            session.idle_output += data

    def pipe_data(self, call):
        try:
            data = os.read(call.pipe, CHUNK)
        except BlockingIOError:
            return
        if call.op == "execute":
            if data:
                call.output.feed(data)
            else:
                self.loop.unregister(call.pipe)
            return
        call.frames += data
        for kind, body in files.frames(call.frames):
            if kind == files.DATA:
                self.reply(id=call.id, chunk=base64.b64encode(body).decode())
            elif call.op in ("takeTree", "takeFile", "putTree"):
                self.finish(verdict=json.loads(body))
                return
            else:
                verdict = json.loads(body)
                call.output.feed(verdict["output"].encode("utf-8", "replace"))
                self.finish_call(verdict["exitStatus"])
                return
        if not data:
            if call.op in ("takeTree", "takeFile", "putTree"):
                self.finish(verdict={"kind": "unsafe", "message": "reading it failed"})
            else:
                call.output.feed(b"the file could not be read or written\n")
                self.finish_call(1)

    def timeout(self):
        if self.call is None:
            return None
        return max(0.0, min(SAMPLE_SECONDS, self.call.deadline - time.monotonic()))

    def run(self):
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        os.set_blocking(1, False)
        self.loop.register(0, selectors.EVENT_READ, ("requests", None))
        self.loop.register(wake_read, selectors.EVENT_READ, ("wake", wake_read))
        sampled = 0.0
        while True:
            for key, _ in self.loop.select(self.timeout()):
                if key.fd in self.loop.get_map() and self.loop.get_map()[key.fd] is key:
                    self.dispatch(*key.data)
            self.reap()
            self.after_reaping()
            now = time.monotonic()
            if self.call and now >= self.call.deadline:
                self.stop_call()
            elif self.call and now - sampled >= SAMPLE_SECONDS:
                sampled = now
                self.call.sample()

    def dispatch(self, kind, subject):
        if kind == "requests":
            self.read_requests()
        elif kind == "outbox":
            self.write_outbox()
        elif kind == "status":
            self.session_status(subject)
        elif kind == "output":
            self.session_output(subject)
        elif kind == "command":
            subject.flush()
        elif kind == "feed":
            self.feed_child()
        elif kind == "wake":
            os.read(subject, 4096)
        elif kind == "pipe":
            if len(self.outbox) > QUEUE_LIMIT:  # the reader outside is slow: wait for it
                select.select([], [1], [], 0.05)
                self.write_outbox()
            else:
                self.pipe_data(subject)


def classify(status, log, out_of_memory, fullest):
    tail = log[-4000:]
    if out_of_memory or "\nMemoryError" in tail or "ArrayMemoryError" in tail:
        return "outOfMemory"
    # A write to a mapped file on a full disk ends in SIGBUS.
    full = "No space left on device" in log or "File too large" in log or status in (128 + 7, 128 + 25)
    if full and fullest > 0.9:
        return "diskFull"
    return "crash"


def main():
    for number in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.path.exists("/run/doubleblind/index.sock") and not LOCAL:
        # Python looks there only if it is there when it starts; packages may come later.
        os.makedirs("/work/.local/lib/python%d.%d/site-packages" % sys.version_info[:2], exist_ok=True)
    Toolbox().run()


main()
