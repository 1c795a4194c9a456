"""The engine over HTTP, started by ``pinpoint serve``: JSON in and out, for those who build on it."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import anyio
import anyio.to_thread
import numpy as np
import uvicorn
from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException

from app.engine import Busy, Engine
from app.service import faults, wire
from app.service.guard import BROKEN, Guard, Limits, Patient
from app.service.meter import resident
from app.service.shelf import Shelf
from data.images import open_image
from model.answer import Answer
from model.placement import Placement

log = logging.getLogger(__name__)

T = TypeVar("T")

OPENING = 2  # pictures that are decoded at once


@dataclass(frozen=True)
class Settings:
    """How the service is open.

    Attributes:
        hosts: names beside localhost and addresses that it is known by.
        token: to be sent with each request; none is asked for if None.
        timeout: seconds that one question may take, its wait included.
        limits: of requests.
    """

    hosts: frozenset[str] = frozenset()
    token: str | None = None
    timeout: float = 120.0
    limits: Limits = field(default_factory=Limits)


class Service:
    """What the paths do: each asks the engine in a thread, and gives up when its client has gone."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine, self.settings, self.shelf = engine, settings, Shelf()
        self._opening = threading.BoundedSemaphore(OPENING)
        self._threads = anyio.CapacityLimiter(settings.limits.requests)

    def open(self, data: bytes) -> np.ndarray:
        """A picture from its file's bytes."""
        with self._opening:
            return open_image(data, "the picture")

    def _ask(
        self,
        data: bytes,
        question: str,
        history: list[wire.Turn],
        who: str,
        gone: threading.Event,
        say: Callable[[str, Any], None] = lambda kind, value: None,
    ) -> tuple[np.ndarray, Answer]:
        image = self.open(data)

        def words(text: str) -> bool:
            say("text", text)
            return not gone.is_set()

        def place(number: int) -> bool:
            say("place", number)
            return not gone.is_set()

        before = [(turn.question, turn.answer) for turn in history]
        answer = self.engine.ask(image, question, before, words, place, who=who, timeout=self.settings.timeout)
        return image, answer

    def reply(self, image: np.ndarray, answer: Answer) -> wire.Reply:
        """An answer with a handle for each of its segments."""
        return wire.Reply.of(answer, [wire.Found.of(one, self.shelf.put(image, one)) for one in answer.segments])

    async def answered(
        self, request: Request, data: Callable[[], bytes], question: str, history: list[wire.Turn]
    ) -> wire.Reply:
        """The reply to a question."""
        who = _who(request)
        return await self._waited(request, lambda gone: self.reply(*self._ask(data(), question, history, who, gone)))

    async def streamed(
        self, request: Request, data: Callable[[], bytes], question: str, history: list[wire.Turn]
    ) -> StreamingResponse:
        """The same as server-sent events: ``place``, ``text`` (so far), then ``answer`` or ``error``. What is wrong
        before anything could be sent is raised."""
        who, gone, loop = _who(request), threading.Event(), asyncio.get_running_loop()
        news: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

        def say(kind: str, value: Any) -> None:
            loop.call_soon_threadsafe(news.put_nowait, (kind, value))

        async def work() -> None:
            try:
                made = await self._threaded(lambda: self.reply(*self._ask(data(), question, history, who, gone, say)))
                news.put_nowait(("answer", made))
            except Exception as error:
                if not isinstance(error, ValueError):
                    log.exception("the service failed")
                news.put_nowait(("error", error))

        task = asyncio.create_task(work())
        first = await news.get()
        if first[0] == "error":
            raise first[1]

        async def events() -> AsyncIterator[str]:
            kind, value = first
            while True:
                yield f"event: {kind}\ndata: {json.dumps(_event(kind, value))}\n\n"
                if kind in ("answer", "error"):
                    return
                kind, value = await news.get()
                while kind == "text" and not news.empty():  # a slow reader is sent the newest alone
                    kind, value = news.get_nowait()

        _running.add(task)
        task.add_done_callback(_running.discard)
        return _Stream(events(), gone)

    async def changed(
        self, request: Request, handle: str, work: Callable[[np.ndarray, Any, dict[str, Any]], Any]
    ) -> wire.Found:
        """A segment made of a kept one."""
        try:
            image, segment = self.shelf.get(handle)
        except KeyError as error:
            raise HTTPException(404, faults.GONE) from error
        asked = {"who": _who(request), "timeout": self.settings.timeout}
        made = await self._threaded(lambda: work(image, segment, asked))
        return wire.Found.of(made, self.shelf.put(image, made))

    async def layers(self, request: Request, handle: str) -> wire.Layers:
        """The maps of a kept segment."""
        try:
            image, segment = self.shelf.get(handle)
        except KeyError as error:
            raise HTTPException(404, faults.GONE) from error
        who, timeout = _who(request), self.settings.timeout
        maps = await self._threaded(lambda: self.engine.layer_maps(image, segment, who=who, timeout=timeout))
        return wire.Layers.of(maps, segment)

    async def _threaded(self, work: Callable[[], T]) -> T:
        """What ``work`` gives in a thread; there is one for each request, or it is turned away."""
        if self._threads.available_tokens <= 0:
            raise Busy("too many requests at once: try again in a moment")
        return await anyio.to_thread.run_sync(work, limiter=self._threads)

    async def _waited(self, request: Request, work: Callable[[threading.Event], T]) -> T:
        """The same with an event that is set when the client goes."""
        gone = threading.Event()

        async def watch() -> None:
            while not await request.is_disconnected():
                await asyncio.sleep(0.5)
            gone.set()

        watcher = asyncio.create_task(watch())
        try:
            return await self._threaded(lambda: work(gone))
        finally:
            gone.set()
            watcher.cancel()


class _Stream(StreamingResponse):
    """Server-sent events; ``gone`` is set when they have ended, or their reader has left."""

    def __init__(self, events: AsyncIterator[str], gone: threading.Event) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._gone = gone

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._gone.set()


_running: set[asyncio.Task[None]] = set()  # asyncio itself holds tasks weakly


def create_app(engine: Engine, settings: Settings | None = None) -> Guard:
    """The service of an engine, guarded."""
    settings = settings or Settings()
    service = Service(engine, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        engine.close()

    api = FastAPI(
        title="Pinpoint",
        summary="Ask a picture: an answer in words, with an exact mask for each thing it names, or 'that is not here'.",
        version="1",
        docs_url=None,  # their pages load scripts from other hosts
        redoc_url=None,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        responses=faults.PROBLEMS,
    )
    _ways(api, service)
    faults.answer(api)
    return Guard(api, settings.hosts, settings.token, settings.limits)


def _ways(api: FastAPI, service: Service) -> None:
    """The paths."""

    @api.post("/v1/ask", response_model=wire.Reply)
    async def ask(request: Request, asked: wire.Question) -> Any:
        """Ask about a picture. With `stream`, server-sent events: `place` (how many are before), `text` (so far), and
        at last `answer` (as without) or `error`."""
        way = service.streamed if asked.stream else service.answered
        return await way(request, lambda: wire.picture_bytes(asked.image), asked.question, asked.history)

    @api.post("/v1/ask/upload", response_model=wire.Reply)
    async def ask_upload(
        request: Request,
        image: Annotated[UploadFile, File(description="the picture's file")],
        question: Annotated[str, Form(max_length=wire.LONGEST)],
        history: Annotated[str, Form(description="JSON: [{question, answer}, ...]")] = "[]",
        stream: Annotated[bool, Form()] = False,
    ) -> Any:
        """The same, with the picture as a file of a form."""
        try:
            turns = TypeAdapter(wire.History).validate_json(history)
        except ValidationError as error:
            raise ValueError(f"history: {faults.first(error.errors())}") from error
        data = await image.read()
        way = service.streamed if stream else service.answered
        return await way(request, lambda: data, question, turns)

    @api.post("/v1/refine")
    async def refine(request: Request, given: wire.Clicks) -> wire.Found:
        """Correct a mask by clicks, or a box. The segment that was corrected stays as it was, under its own handle."""
        points = np.array(given.points, dtype=np.float64).reshape(-1, 2)
        box = None if given.box is None else np.array(given.box)
        if not given.points and box is None:
            raise ValueError("nothing to correct it with: give points with their labels, or a box")
        labels = np.array([label if label in (0, 1) else 2 for label in given.labels], dtype=np.int64)
        return await service.changed(
            request, given.handle, lambda image, one, who: service.engine.refine(image, one, points, labels, box, **who)
        )

    @api.post("/v1/anyway")
    async def anyway(request: Request, given: wire.Kept) -> wire.Found:
        """The mask of a rejected segment."""
        return await service.changed(
            request, given.handle, lambda image, one, who: service.engine.segment_anyway(image, one, **who)
        )

    @api.post("/v1/reground")
    async def reground(request: Request, given: wire.Ground) -> wire.Found:
        """A mask as another layer, or other settings of the points, would have drawn it."""
        if {"layer", "who", "timeout"} & set(given.settings):
            raise ValueError("settings: they are those of the points: positive, negative, factor, keep")
        return await service.changed(
            request,
            given.handle,
            lambda image, one, who: service.engine.reground(image, one, given.layer, **given.settings, **who),
        )

    @api.post("/v1/layers")
    async def layers(request: Request, given: wire.Kept) -> wire.Layers:
        """The similarity map of a segment at every layer of the language model."""
        return await service.layers(request, given.handle)

    @api.get("/health")
    async def health() -> wire.Health:
        """Whether the service is alive; needs no token."""
        return wire.Health(status="ok", device=service.engine.device, waiting=service.engine.waiting)

    @api.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        """What was asked and how long it took, for Prometheus."""
        engine = service.engine
        gauges = {
            "waiting": engine.waiting,
            "kept_bytes": engine.kept,
            "segments_kept": len(service.shelf),
            "segments_kept_bytes": service.shelf.bytes,
            "resident_bytes": resident(),
        }
        return PlainTextResponse(engine.meter.prometheus(gauges), media_type="text/plain; version=0.0.4")


def _event(kind: str, value: Any) -> Any:
    """What an event carries."""
    if kind == "answer":
        return value.model_dump()
    if kind == "error":
        return {"error": str(value) if isinstance(value, ValueError) else BROKEN}
    return {"before": value} if kind == "place" else {"text": value}


def _who(request: Request) -> str:
    """Those of one address take turns with those of others."""
    return request.client.host if request.client is not None else "unknown"


def server(app: Guard, host: str, port: int, connections: int = 2 * Limits.requests) -> uvicorn.Server:
    """What listens, ready to run."""
    patient = type("Patient", (Patient,), {"most": connections})
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=patient,
        ws="none",
        lifespan="on",
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=10,
    )
    return uvicorn.Server(config)


def run(checkpoint: Path, placement: Placement, host: str, port: int, settings: Settings, waiting: int) -> None:
    """Read the model and serve until told to stop."""
    engine = Engine(checkpoint, placement, waiting)
    at = f"[{host}]" if ":" in host else host
    print(f"pinpoint serves {checkpoint.name} at http://{at}:{port} (its document: /openapi.json)", flush=True)
    server(create_app(engine, settings), host, port, 2 * settings.limits.requests).run()
