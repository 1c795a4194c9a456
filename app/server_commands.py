"""What stays and serves: the page, and the engine over HTTP. Both are for this machine alone unless told otherwise."""

import argparse
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from app import places
from app.arguments import ROOT
from app.setup import Setup
from model.placement import Placement

GOODBYE = 20.0  # seconds that a server may take to end
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def page(args: argparse.Namespace, folder: Path, placement: Placement) -> int:
    """``pinpoint app``: the page, until it is told to stop."""
    shown = places.joined(args.root)
    _free(args.host, args.port, "no page can be opened")
    placement.check()
    words = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app" / "main.py")]
    words += ["--server.port", str(args.port), "--server.address", args.host, *_careful(args.host)]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {
        **os.environ,
        **Setup(folder, placement).told(),
        places.ROOTS: shown or os.environ.get(places.ROOTS, ""),
        "PYTHONPATH": path,
    }
    return run(words, environment, ROOT)


def run(words: list[str], env: dict[str, str], cwd: Path) -> int:
    """Run a server to its end. Who tells this process to end means the server, which must not be left behind."""
    process = subprocess.Popen(words, env=env, cwd=cwd)
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        return process.wait()
    except KeyboardInterrupt:  # the terminal has told the server, too
        return process.wait(GOODBYE)
    finally:
        if process.poll() is None:
            process.kill()
        signal.signal(signal.SIGTERM, before)


def _careful(host: str) -> list[str]:
    """What the page's server must be told wherever it is started: its file of settings is looked for in the current
    folder, and anybody's own may say otherwise."""
    settings = {
        "browser.gatherUsageStats": "false",
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.enableXsrfProtection": "true",
        "server.enableCORS": "true",  # which is to say that other origins are refused
        "server.enableStaticServing": "false",
        "server.maxUploadSize": "20",
        "server.disconnectedSessionTTL": "120",
        # After each run of a page, of a part of it too, it would look through all that torch is made of, for 0.3 s in
        # which every other session waits. Python collects by itself, and app.presence when a session has gone.
        "runner.postScriptGC": "false",
        "client.showErrorDetails": "none",
    }
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    if host in LOOPBACK:  # a page elsewhere may have its own name point to this machine
        for name in LOOPBACK:
            words += ["--server.allowedHosts", name]
    return words


def service(args: argparse.Namespace, folder: Path, placement: Placement) -> int:
    """``pinpoint serve``: the engine over HTTP, until it is told to stop."""
    _free(args.host, args.port, "nothing can be served")
    token = _token(args.token_file)
    if token is None and args.host not in LOOPBACK:
        print(f"pinpoint: {args.host} is open to others and no token is asked for: see --token-file", file=sys.stderr)
    placement.check()

    from app import serve
    from app.service.guard import Limits

    limits = Limits(body=args.most_mb * 2**20, bodies=8 * args.most_mb * 2**20, requests=4 * args.queue)
    hosts = frozenset(name.lower() for name in args.allow_host)
    settings = serve.Settings(hosts, token, float(args.timeout), limits)
    serve.run(folder, placement, args.host, args.port, settings, args.queue)
    return 0


def _token(file: Path | None) -> str | None:
    """The token that is asked for: from a file, else from the environment; never from the command line, which others on
    the machine can read."""
    token = os.environ.get("PINPOINT_TOKEN") if file is None else file.read_text(encoding="utf-8", errors="replace")
    if token is None:
        return None
    token = token.strip()
    where = "PINPOINT_TOKEN" if file is None else str(file)
    if len(token) < 16 or not (token.isascii() and token.isprintable()) or " " in token:
        raise ValueError(f"{where}: a token is at least 16 letters, digits and signs without spaces")
    return token


def _free(host: str, port: int, what: str) -> None:
    """See that a port can be listened at.

    Raises:
        ValueError: it cannot.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ValueError(f"{what} at {host}, port {port} ({reason}); choose another with --port") from error
