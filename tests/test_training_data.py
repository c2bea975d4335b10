"""The data of training runs: only official files are used, wherever they come from."""

import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from torchstone.conformance.training import data
from torchstone.conformance.training.data import DataError, File, Missing, load

SHAPES = {
    "train-images-idx3-ubyte": (6, 4, 4),
    "train-labels-idx1-ubyte": (6,),
    "t10k-images-idx3-ubyte": (3, 4, 4),
    "t10k-labels-idx1-ubyte": (3,),
}
IMAGES = "train-images-idx3-ubyte"
OFFICIAL = {**data.FILES}


def idx(shape: tuple[int, ...]) -> bytes:
    values = torch.randint(
        0, 256, shape, generator=torch.Generator().manual_seed(len(shape) + shape[0]), dtype=torch.uint8
    )
    return (
        bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape) + bytes(values.flatten().tolist())
    )


@pytest.fixture
def contents() -> dict[str, bytes]:
    """What is in the four files of a tiny data set."""
    return {stem: idx(shape) for stem, shape in SHAPES.items()}


@pytest.fixture
def zipped(contents: dict[str, bytes]) -> dict[str, bytes]:
    return {stem: gzip.compress(content, mtime=0) for stem, content in contents.items()}


@pytest.fixture(autouse=True)
def official(contents, zipped, tmp_path, monkeypatch) -> None:
    """The tiny files are the official MNIST of this test; there is no cache and no mirror."""
    files = {
        stem: File(
            len(zipped[stem]), hashlib.sha256(zipped[stem]).hexdigest(), hashlib.sha256(contents[stem]).hexdigest()
        )
        for stem in contents
    }
    monkeypatch.setitem(data.FILES, "mnist", files)
    monkeypatch.setitem(data.MIRRORS, "mnist", ("http://127.0.0.1:9/",))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TORCHSTONE_DATA", raising=False)


@pytest.fixture
def folder(zipped, tmp_path) -> Path:
    """A folder with `mnist/*.gz`."""
    for stem, content in zipped.items():
        path = tmp_path / "data" / "mnist" / f"{stem}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "data"


def test_gzip_files_are_read(folder, contents):
    found = load("mnist", folder)

    images, labels = found.train
    assert images.shape == (6, 16)
    assert images.dtype == torch.float32
    assert images[0, 0] == contents[IMAGES][16] / 255
    assert labels.tolist() == list(contents["train-labels-idx1-ubyte"][8:])
    assert found.test[0].shape == (3, 16)
    assert found.label == "MNIST"
    assert not found.stand_in


@pytest.mark.parametrize("place", ["mnist", "."])
def test_plain_files_are_read(tmp_path, contents, place):
    (tmp_path / place).mkdir(exist_ok=True)
    for stem, content in contents.items():
        (tmp_path / place / stem).write_bytes(content)

    assert load("mnist", tmp_path).train[0].shape == (6, 16)


def test_the_environment_names_a_folder(folder, monkeypatch):
    monkeypatch.setenv("TORCHSTONE_DATA", str(folder))

    assert load("mnist").source == str(folder / "mnist")


def test_a_truncated_file_is_refused(folder):
    path = folder / "mnist" / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:-5])

    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is not the official .* cut off"):
        load("mnist", folder)


@pytest.mark.parametrize("zipped_too", [True, False])
def test_one_wrong_byte_is_refused(folder, contents, zipped_too):
    path = folder / "mnist" / f"{IMAGES}.gz"
    if not zipped_too:
        path.unlink()
        path = path.with_suffix("")
        path.write_bytes(contents[IMAGES])
    wrong = bytearray(path.read_bytes())
    wrong[-20] ^= 1
    path.write_bytes(wrong)

    with pytest.raises(DataError, match=rf"{path.name} is not the official {IMAGES} of MNIST: its SHA-256 is"):
        load("mnist", folder)


def test_swapped_files_are_refused_and_recognised(folder, zipped):
    (folder / "mnist" / f"{IMAGES}.gz").write_bytes(zipped["t10k-images-idx3-ubyte"])

    with pytest.raises(DataError, match="it is MNIST's t10k-images-idx3-ubyte under another name"):
        load("mnist", folder)


def test_a_part_of_the_files_is_not_enough(folder):
    (folder / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()

    with pytest.raises(DataError, match="only a part of MNIST; missing: t10k-labels-idx1-ubyte"):
        load("mnist", folder)


def test_a_given_folder_without_the_files_is_refused(tmp_path):
    with pytest.raises(Missing, match=r"neither .*mnist nor .* holds train-images-idx3-ubyte"):
        load("mnist", tmp_path)


def test_without_data_and_network_one_message_says_what_to_do():
    with pytest.raises(Missing) as error:
        load("mnist")

    for advice in ("could not be downloaded", "--data DIR", "TORCHSTONE_DATA", "--dataset digits", "stand-in"):
        assert advice in str(error.value)


def test_the_official_files_are_pinned_once_each():
    """Eight files, sixteen different checksums."""
    files = [file for each in OFFICIAL.values() for file in each.values()]

    assert len(files) == 8
    assert len({checksum for file in files for checksum in (file.gz, file.plain)}) == 16


def test_digits_say_that_they_are_a_stand_in():
    pytest.importorskip("sklearn")
    found = load("digits")

    assert found.stand_in
    assert "stand-in" in found.label
    assert "not MNIST" in found.label
    assert found.train[0].shape == (1437, 64)
    assert found.test[0].shape == (360, 64)
    assert 0 <= found.train[0].min() < found.train[0].max() == 1


class Server(http.server.ThreadingHTTPServer):
    """Serves files from memory. `ranges` is what was asked for; `faults` are ways to misbehave."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.ranges: list[str | None] = []
        self.faults: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        content = self.server.files[self.path.lstrip("/")]
        asked = self.headers["Range"]
        self.server.ranges.append(asked)
        first = int(asked.removeprefix("bytes=").rstrip("-")) if asked and "no ranges" not in self.server.faults else 0
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        end = len(content) // 2 if "breaks off" in self.server.faults else len(content)
        self.wfile.write(content[first:end])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(zipped, monkeypatch) -> Iterator[Server]:
    with Server({f"{stem}.gz": content for stem, content in zipped.items()}) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setitem(data.MIRRORS, "mnist", (server.url,))
        yield server
        server.shutdown()
        thread.join()


def cached() -> list[str]:
    return sorted(path.name for path in (data.cache() / "mnist").iterdir())


def test_what_is_missing_is_downloaded_once(server):
    load("mnist")
    load("mnist")

    assert cached() == sorted(f"{stem}.gz" for stem in SHAPES)
    assert len(server.ranges) == 4


def test_a_partial_download_goes_on_where_it_broke_off(server, zipped):
    part = data.cache() / "mnist" / f"{IMAGES}.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(zipped[IMAGES][:30])

    load("mnist")

    assert server.ranges == ["bytes=30-", None, None, None]
    assert f"{IMAGES}.gz.part" not in cached()


def test_a_server_without_ranges_is_read_from_the_start(server, zipped):
    server.faults.add("no ranges")
    part = data.cache() / "mnist" / f"{IMAGES}.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(zipped[IMAGES][:30])

    assert load("mnist").train[0].shape == (6, 16)


def test_a_broken_connection_keeps_what_came(server, zipped):
    server.faults.add("breaks off")

    with pytest.raises(Missing, match=r"the connection broke after \d+ of \d+ bytes"):
        load("mnist")
    assert cached() == [f"{IMAGES}.gz.part"]

    server.faults.clear()
    load("mnist")
    assert server.ranges[1] == f"bytes={len(zipped[IMAGES]) // 2}-"


def test_another_file_at_a_mirror_is_not_kept(server, zipped):
    server.files[f"{IMAGES}.gz"] = bytes(len(zipped[IMAGES]))

    with pytest.raises(Missing, match="the file there has another checksum"):
        load("mnist")
    assert cached() == []


def test_the_second_mirror_is_asked_where_the_first_fails(server, monkeypatch):
    monkeypatch.setitem(data.MIRRORS, "mnist", ("http://127.0.0.1:9/", server.url))

    assert load("mnist").train[0].shape == (6, 16)
