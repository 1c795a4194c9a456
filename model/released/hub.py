"""Files of a hub, through its client: what a repository holds, and fetching one file so that a download resumes.

The client keeps whole files in its cache but throws a file away that was cut off half-way. Checkpoints come in files of
ten gigabytes, so :meth:`Hub.fetch` keeps the part that has arrived (but for the last ten megabytes at most, which the
client holds in memory), under the cache's own names and lock, goes on from there by the client's ``http_get``, and then
lets the client take the finished file in.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, get_token, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub import errors as hub_errors
from huggingface_hub.file_download import REGEX_COMMIT_HASH, http_get, repo_folder_name
from huggingface_hub.utils import WeakFileLock, build_hf_headers, httpx
from huggingface_hub.utils import logging as notices

KEPT = "what has arrived is kept, and the same command goes on from there"
CHUNK = 1 << 24  # bytes hashed at once


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository at a commit.

    Attributes:
        size: bytes.
        etag: the name of its content in the cache: its SHA-256 if ``hashed``, else git's.
    """

    repository: str
    commit: str
    path: str
    size: int
    etag: str
    hashed: bool


@dataclass(frozen=True)
class Listing:
    """All files of a repository at a commit, by path."""

    repository: str
    commit: str
    files: dict[str, RemoteFile]


class Hub:
    """A hub at ``endpoint``, with the client's cache in ``cache``; both as the client has them if None."""

    def __init__(self, endpoint: str | None = None, cache: Path | None = None) -> None:
        self.endpoint = (endpoint or constants.ENDPOINT).rstrip("/")
        self.cache = Path(cache or constants.HF_HUB_CACHE).expanduser().resolve()
        if not self.endpoint.startswith(("http://", "https://")):
            raise ValueError(f"{endpoint!r} is no address of a hub: it begins with https://")

    def listing(self, repository: str) -> Listing:
        """What the main branch holds now.

        Raises:
            ValueError: there is no such repository, it is not open to all, or the hub cannot be reached.
        """
        with self._plainly(repository):
            try:
                info = HfApi(endpoint=self.endpoint).model_info(repository, files_metadata=True)
                commit = str(info.sha or "")
                files = {file.path: file for file in (_file(repository, commit, each) for each in info.siblings or ())}
            except (TypeError, KeyError, AttributeError) as error:
                raise ValueError("an answer of another form") from error
            if not REGEX_COMMIT_HASH.fullmatch(commit):
                raise ValueError(f"{commit!r} is no commit")
        return Listing(repository, commit, files)

    def cached(self, file: RemoteFile) -> Path | None:
        """Where the file lies if all of it has been fetched."""
        found = try_to_load_from_cache(file.repository, file.path, cache_dir=self.cache, revision=file.commit)
        if isinstance(found, str):
            return Path(found)
        return None

    def missing(self, file: RemoteFile) -> int:
        """Bytes that are still to be fetched."""
        if self.cached(file) or (self._blobs(file) / file.etag).is_file():
            return 0
        part = self._part(file)
        return max(0, file.size - part.stat().st_size) if part.is_file() else file.size

    def fetch(self, file: RemoteFile) -> Path:
        """Its path in the cache, once all of it is there; a bar shows the progress on a terminal.

        Raises:
            ValueError: it could not be fetched, or is not what the hub says it is.
        """
        found = self.cached(file)
        if found is not None:
            return found
        blobs = self._blobs(file)
        locks = self.cache / ".locks" / blobs.parent.name
        try:
            blobs.mkdir(parents=True, exist_ok=True)
            locks.mkdir(parents=True, exist_ok=True)
            with WeakFileLock(locks / f"{file.etag}.lock", timeout=1):
                if not (blobs / file.etag).is_file():
                    self._get(file)
        except TimeoutError as error:
            raise ValueError(f"{file.path} is being fetched by another process: wait until it is done") from error
        with self._plainly(file.repository), _quiet():
            made = hf_hub_download(
                file.repository, file.path, revision=file.commit, endpoint=self.endpoint, cache_dir=self.cache
            )
        return Path(made)

    def push(self, folder: Path, repository: str, private: bool = False) -> str:
        """Upload a folder without its hidden files, as one commit; the repository is made if it is not there.

        Returns:
            The address of the commit.

        Raises:
            ValueError: nobody is logged in, the repository may not be written to, or the hub cannot be reached. What
                has arrived by then is not sent again, but shows only once all of it has.
        """
        api = HfApi(endpoint=self.endpoint)
        if api.token is None and get_token() is None:
            raise ValueError("nobody is logged in: run `hf auth login` with a token that may write, or set HF_TOKEN")
        with self._plainly(repository), _quiet():
            try:
                api.create_repo(repository, private=private or None, exist_ok=True)
                made = api.upload_folder(
                    repo_id=repository,
                    folder_path=folder,
                    commit_message="Upload the model",
                    ignore_patterns=[".*", "*/.*"],
                )
            except hub_errors.HfHubHTTPError as error:
                if error.response.status_code not in (401, 403):
                    raise
                raise _Wrong(
                    f"{self.endpoint}/{repository} is refused: run `hf auth login` with a token that may write there"
                ) from error
            except RuntimeError as error:  # an upload's own error is its cause
                raise error.__cause__ or error from error
            except ValueError as error:
                if "README.md" not in str(error):
                    raise
                raise _Wrong(f"{folder / 'README.md'} is refused: {' '.join(str(error).split())}") from error
        return str(made.commit_url)

    def _get(self, file: RemoteFile) -> None:
        """Fetch the bytes that are missing, check all of them, and give the file its name."""
        part = self._part(file)
        if part.is_file() and part.stat().st_size > file.size:
            part.unlink()
        url = hf_hub_url(file.repository, file.path, revision=file.commit, endpoint=self.endpoint)
        headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
        with self._plainly(file.repository), _quiet(), part.open("ab") as out:
            name = file.path.rsplit("/", 1)[-1]
            begun = out.tell()
            try:
                http_get(url, out, resume_size=begun, headers=headers, expected_size=file.size, displayed_filename=name)
            except OSError as error:
                if "Consistency check failed" not in str(error):
                    raise
                part.unlink()
                raise _Wrong(f"{url} is not of the size that the hub lists, {file.size} bytes") from error
        if file.hashed and _sha256(part) != file.etag:
            part.unlink()
            raise ValueError(f"{url} arrived damaged (another SHA-256): it was thrown away, fetch it again")
        part.rename(self._blobs(file) / file.etag)

    def _blobs(self, file: RemoteFile) -> Path:
        return self.cache / repo_folder_name(repo_id=file.repository, repo_type="model") / "blobs"

    def _part(self, file: RemoteFile) -> Path:
        """What has arrived of it; the client's own tools know the ending."""
        return self._blobs(file) / f"{file.etag}.incomplete"

    @contextmanager
    def _plainly(self, repository: str) -> Iterator[None]:
        """The client's errors as one line that says what to do."""
        where = f"{self.endpoint}/{repository}"
        try:
            yield
        except _Wrong:
            raise
        except hub_errors.GatedRepoError as error:
            raise ValueError(
                f"{where} is gated: accept its terms there, then run `hf auth login` and this again"
            ) from error
        except hub_errors.RepositoryNotFoundError as error:
            raise ValueError(
                f"{where}: there is no such repository, or it is not open to all; if it opens in a browser where you "
                "are logged in, run `hf auth login` and this again"
            ) from error
        except hub_errors.EntryNotFoundError as error:
            raise ValueError(f"{where}: a file is gone or the hub was cut off; {KEPT}") from error
        except hub_errors.OfflineModeIsEnabled as error:
            raise ValueError("HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is set: unset it to fetch from a hub") from error
        except hub_errors.HfHubHTTPError as error:
            code = error.response.status_code
            if code in (401, 403):
                raise ValueError(
                    f"{where} is refused ({code}): accept its terms there if it asks for that, then run "
                    "`hf auth login` and this again"
                ) from error
            raise ValueError(f"{where}: the hub answers with error {code}: try again later; {KEPT}") from error
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            raise ValueError(
                f"{self.endpoint} cannot be reached: check the connection (and HTTPS_PROXY), or name a mirror by "
                "--endpoint; nothing was changed"
            ) from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise ValueError(f"{where}: the connection was cut ({_reason(error)}); {KEPT}") from error
        except OSError as error:
            if error.errno is None:
                raise ValueError(f"{where}: {_reason(error)}; {KEPT}") from error
            raise ValueError(
                f"{self.cache}: {error.strerror}: make room there, or set HF_HUB_CACHE to another folder; {KEPT}"
            ) from error
        except ValueError as error:
            raise ValueError(
                f"{self.endpoint} does not answer as a hub does ({_reason(error)}): check --endpoint and HF_ENDPOINT"
            ) from error


class _Wrong(ValueError):
    """What is said already as it should be."""


def _file(repository: str, commit: str, sibling: Any) -> RemoteFile:
    etag = sibling.lfs.sha256 if sibling.lfs is not None else sibling.blob_id
    if not isinstance(sibling.size, int) or not re.fullmatch("[0-9a-f]{40,64}", etag or ""):  # it names a file of ours
        raise ValueError(f"no size or hash of {sibling.rfilename}")
    return RemoteFile(repository, commit, sibling.rfilename, sibling.size, etag, sibling.lfs is not None)


def _sha256(path: Path) -> str:
    made = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            made.update(block)
    return made.hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the client's warnings: what matters is said in our own line."""
    verbosity = notices.get_verbosity()
    notices.set_verbosity_error()
    try:
        yield
    finally:
        notices.set_verbosity(verbosity)


def _reason(error: Exception) -> str:
    """The first line that an error says, or its name."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
