"""A hub on loopback: what the client asks of the real one, of a few repositories held in memory. Large files are sent
by a second server, as the real hub's are."""

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = 10_000  # bytes from which a file is stored by its SHA-256


@dataclass
class Imitation:
    """The repositories, what goes wrong with them, and what was asked.

    Attributes:
        repositories: name -> path -> content.
        refused: name -> status and error code of each answer.
        cuts: path -> after how many bytes each answer to a GET ends, while there are any.
        sizes, content: path -> what is listed, or sent, instead of the truth.
        sent: of each GET of a file: the path, the first byte, and how many were sent.
        tokens: the ``Authorization`` of each GET, to the hub and to the second server.
        private: repositories made as private ones.
        stored: what was sent to the second server, by its SHA-256.
    """

    repositories: dict[str, dict[str, bytes]]
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    content: dict[str, bytes] = field(default_factory=dict)
    sent: list[tuple[str, int, int]] = field(default_factory=list)
    tokens: tuple[set[str | None], set[str | None]] = field(default_factory=lambda: (set(), set()))
    private: set[str] = field(default_factory=set)
    stored: dict[str, bytes] = field(default_factory=dict)
    url: str = ""
    storage: str = ""

    def commit(self, name):
        """The commit that a repository is at: another one if its content changes."""
        return hashlib.sha1(repr(sorted(self.repositories[name].items())).encode()).hexdigest()

    def listing(self, name):
        return {
            "id": name,
            "sha": self.commit(name),
            "siblings": [self.sibling(path, content) for path, content in self.repositories[name].items()],
        }

    def sibling(self, path, content):
        size = self.sizes.get(path, len(content))
        made = {"rfilename": path, "size": size, "blobId": etag(b"x" * LARGE + content)[:40]}
        if len(content) >= LARGE:
            made["lfs"] = {"sha256": etag(content), "size": size, "pointerSize": 130}
        return made

    def paths(self):
        return sorted({path for path, _, _ in self.sent})

    def __enter__(self):
        imitation = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                answer(imitation, self, body=True)

            def do_HEAD(self):
                answer(imitation, self, body=False)

            def do_POST(self):
                take(imitation, self, self.rfile.read(int(self.headers["Content-Length"])))

            def do_PUT(self):
                content = self.rfile.read(int(self.headers["Content-Length"]))
                imitation.stored[hashlib.sha256(content).hexdigest()] = content
                reply(self, 200, b"", {})

            def log_message(self, *_):
                pass

        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
        for server in self.servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.url, self.storage = (f"http://127.0.0.1:{server.server_address[1]}" for server in self.servers)
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()


def etag(content):
    """Its SHA-256; what is small has git's hash on the real hub, of 40 letters, which nothing here depends on."""
    return hashlib.sha256(content).hexdigest() if len(content) >= LARGE else etag(b"x" * LARGE + content)[:40]


def answer(hub, handler, body):
    path = unquote(urlsplit(handler.path).path)
    stored = handler.server is hub.servers[1]
    if body:
        hub.tokens[stored].add(handler.headers.get("Authorization"))
    found = re.fullmatch(r"/api/models/([^/]+/[^/]+)|/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
    name = found and (found[1] or found[2])
    if name in hub.refused:
        code, error = hub.refused[name]
        return reply(handler, code, b"{}", {"X-Error-Code": error} if error else {})
    if name not in hub.repositories:
        return reply(handler, 404, b"{}", {"X-Error-Code": "RepoNotFound"})
    if found[1]:
        return reply(handler, 200, json.dumps(hub.listing(name)).encode(), {"Content-Type": "application/json"})
    if found[4] not in hub.repositories[name]:
        return reply(handler, 404, b"{}", {"X-Error-Code": "EntryNotFound"})
    if found[3] != hub.commit(name):
        return reply(handler, 404, b"{}", {"X-Error-Code": "RevisionNotFound"})
    content = hub.repositories[name][found[4]]
    if len(content) >= LARGE and not stored:
        headers = {"X-Linked-ETag": f'"{etag(content)}"', "X-Linked-Size": str(len(content)), "X-Repo-Commit": found[3]}
        return reply(handler, 302, b"", {**headers, "Location": hub.storage + handler.path})
    return send(hub, handler, found[4], content, found[3], body)


def take(hub, handler, content):
    """What the client sends to upload: a repository to make, a card to check, where each file goes, and the commit."""
    path = unquote(urlsplit(handler.path).path)
    found = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main|/([^/]+/[^/]+)\.git/info/lfs/.*", path)
    name = found and (found[1] or found[3])
    lines = [json.loads(line) for line in content.splitlines() if line.strip()] if b"\n" in content.strip() else []
    asked = json.loads(content) if not lines else {}
    if path == "/api/repos/create":
        name = f"{asked['organization']}/{asked['name']}"
    if name in hub.refused:
        code, error = hub.refused[name]
        return reply(handler, code, b"{}", {"X-Error-Code": error} if error else {})
    if path == "/api/repos/create":
        there = name in hub.repositories
        hub.repositories.setdefault(name, {})
        if asked.get("visibility") == "private":
            hub.private.add(name)
        return send_json(handler, {"url": f"{hub.url}/{name}"}, 409 if there else 200)
    if path == "/api/validate-yaml":
        bad = "license: none-such" in asked["content"]
        return send_json(handler, {"errors": [{"message": "no such license"}] if bad else []}, 400 if bad else 200)
    if found[2] == "preupload":
        kinds = [("lfs" if file["size"] >= LARGE else "regular", file["path"]) for file in asked["files"]]
        files = [{"path": path, "uploadMode": kind, "shouldIgnore": False} for kind, path in kinds]
        return send_json(handler, {"files": files})
    if found[2] is None:
        objects = [
            {**each, "actions": {"upload": {"href": f"{hub.storage}/{each['oid']}"}}} for each in asked["objects"]
        ]
        return send_json(handler, {"transfer": "basic", "objects": objects})
    for line in lines:
        value = line["value"]
        if line["key"] == "file":
            hub.repositories[name][value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile":
            hub.repositories[name][value["path"]] = hub.stored[value["oid"]]
    made = hub.commit(name)
    return send_json(handler, {"success": True, "commitOid": made, "commitUrl": f"{hub.url}/{name}/commit/{made}"})


def send_json(handler, values, code=200):
    return reply(handler, code, json.dumps(values).encode(), {"Content-Type": "application/json"})


def send(hub, handler, path, content, commit, body):
    headers = {"ETag": f'"{etag(content)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
    if not body:
        return reply(handler, 200, content, headers, body=False)
    content = hub.content.get(path, content)
    begin = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    at = int(begin[1]) if begin else 0
    if begin:
        headers["Content-Range"] = f"bytes {at}-{len(content) - 1}/{len(content)}"
    most = hub.cuts[path].pop(0) if hub.cuts.get(path) else None
    part = content[at:]
    hub.sent.append((path, at, len(part[:most])))
    return reply(handler, 206 if begin else 200, part, headers, most=most)


def reply(handler, code, content, headers, body=True, most=None):
    """Answer; with ``most`` the connection ends after so many bytes, fewer than were promised."""
    handler.send_response(code)
    for name, value in {"Content-Length": str(len(content)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    if body:
        handler.wfile.write(content[:most])
    if most is not None:
        handler.wfile.flush()
        handler.close_connection = True
