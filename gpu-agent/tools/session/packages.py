"""pip in a sandbox: installs wheels from the host's read-only index, and keeps a lock of what is installed.

Runs in place of pip/__main__.py. A sandbox has no network; where its host offers packages, a Unix socket is mounted at
SOCKET. While pip runs, a thread listens on a loopback port inside the sandbox and passes bytes on to that socket, which
answers for nothing but the index.

Invariants:
1. Only wheels are installed, and only below /work: with the sandbox they go away.
2. LOCK names every installed distribution with the SHA-256 of the wheel that it came from, ready for
   `pip install --require-hashes`. What came from elsewhere cannot be in it, and that is said at once.
"""

import importlib.metadata
import json
import os
import re
import site
import socket
import socketserver
import sys
import tempfile
import threading

SOCKET = "/run/doubleblind/index.sock"
LOCK = "/work/requirements.lock"
HASHES = "/work/.local/wheel-hashes.json"
# Whatever a configuration file, an environment variable or an older habit says.
SETTINGS = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_USER": "1",
    "PIP_BREAK_SYSTEM_PACKAGES": "1",
    "PIP_ONLY_BINARY": ":all:",
    "PIP_NO_CACHE_DIR": "1",
    "PIP_NO_INPUT": "1",
    "PIP_NO_WARN_SCRIPT_LOCATION": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_PROGRESS_BAR": "off",
    "PIP_RETRIES": "1",
    "PIP_TIMEOUT": "600",
}


class Forward(socketserver.BaseRequestHandler):
    def handle(self):
        with socket.socket(socket.AF_UNIX) as upstream:
            upstream.connect(SOCKET)
            back = threading.Thread(target=pump, args=(upstream, self.request), daemon=True)
            back.start()
            pump(self.request, upstream)
            back.join()


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Forwarder(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def main(arguments):
    command = next((word for word in arguments if not word.startswith("-")), "")
    reaches_index = command in ("install", "download", "index", "wheel")
    if reaches_index and not os.path.exists(SOCKET):
        print("This sandbox offers no packages (packages: none): use what is there.", file=sys.stderr)
        return 1
    os.environ.update(SETTINGS)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    from pip._internal.cli.main import main as pip

    if not reaches_index:
        status = pip(arguments)
        if command == "uninstall":
            write_lock({})
        return status
    with Forwarder(("127.0.0.1", 0), Forward) as server, tempfile.TemporaryDirectory() as scratch:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        os.environ["PIP_INDEX_URL"] = f"http://127.0.0.1:{server.server_address[1]}/simple/"
        report = os.path.join(scratch, "report.json")
        if command == "install":
            at = arguments.index(command) + 1
            arguments = [*arguments[:at], "--report", report, *arguments[at:]]
        status = pip(arguments)
        if command == "install" and status == 0:
            write_lock(hashes_of(report))
        server.shutdown()
    return status


def hashes_of(report):
    """{(name, version): SHA-256} of what pip has just downloaded."""
    try:
        with open(report) as file:
            installed = json.load(file)["install"]
    except OSError:
        return {}
    found = {}
    for item in installed:
        archive = item["download_info"].get("archive_info", {})
        text = archive.get("hashes", {}).get("sha256") or archive.get("hash", "").replace("sha256=", "")
        if re.fullmatch("[0-9a-f]{64}", text):
            found[key_of(item["metadata"]["name"], item["metadata"]["version"])] = text
    return found


def key_of(name, version):
    return f"{re.sub('[-_.]+', '-', name).lower()}=={version}"


def write_lock(fresh):
    try:
        with open(HASHES) as file:
            known = json.load(file)
    except OSError:
        known = {}
    known.update(fresh)
    os.makedirs(os.path.dirname(HASHES), exist_ok=True)
    with open(HASHES, "w") as file:
        json.dump(known, file)
    places = [site.getusersitepackages()]
    keys = sorted({key_of(one.metadata["Name"], one.version) for one in importlib.metadata.distributions(path=places)})
    with open(LOCK, "w") as file:
        file.writelines(f"{key} --hash=sha256:{known[key]}\n" for key in keys if key in known)
    for key in keys:
        if key not in known:
            print(f"WARNING: {key} did not come from the index; the clean-slate run will not have it", file=sys.stderr)
