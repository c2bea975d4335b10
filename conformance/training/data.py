"""The data sets: four IDX files each, found, verified by checksum, and read. Only the official files are trained on.

`load` looks in a given folder (or the one that TORCHSTONE_DATA names), then in the user's cache, and downloads into the
cache as a last resort.
"""

import gzip
import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from rich.progress import Progress
from torch import Tensor

from torchstone.conformance.training.download import Unreachable, fetch


class DataError(Exception):
    """The data cannot be used; the message says which file, why, and what to do."""


class Missing(DataError):
    """There is no data here and none could be downloaded."""


@dataclass(frozen=True)
class File:
    """An official file: its size as gzip, and the SHA-256 of the gzip file and of what is in it."""

    size: int
    gz: str
    plain: str


# The order is that of `Dataset`: training images and labels, test images and labels.
FILES: dict[str, Mapping[str, File]] = {
    "mnist": {
        "train-images-idx3-ubyte": File(
            9912422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        "train-labels-idx1-ubyte": File(
            28881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        "t10k-images-idx3-ubyte": File(
            1648877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        "t10k-labels-idx1-ubyte": File(
            4542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    },
    "fashion-mnist": {
        "train-images-idx3-ubyte": File(
            26421880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        "train-labels-idx1-ubyte": File(
            29515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        "t10k-images-idx3-ubyte": File(
            4422102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        "t10k-labels-idx1-ubyte": File(
            5148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    },
}
MIRRORS: dict[str, tuple[str, ...]] = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion-mnist": ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
}
LABELS = {
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "digits": "digits (8x8 stand-in from scikit-learn, not MNIST)",
}


@dataclass(frozen=True)
class Dataset:
    """Images `[n, pixels]` in [0, 1] as float32, labels `[n]` as int64. `label` is what a result must be shown with."""

    name: str
    label: str
    source: str
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]

    @property
    def stand_in(self) -> bool:
        return self.name == "digits"


def load(name: str, folder: Path | None = None, progress: Progress | None = None) -> Dataset:
    """The data set of this name. `folder` holds a folder `name`, or the files themselves, as gzip or plain IDX.

    Raises `Missing` where there is no data and no network, `DataError` for a file that is not the official one.
    """
    if name == "digits":
        return digits()
    found = _found(name, folder) or _downloaded(name, progress)
    return _loaded(name, tuple((stem, path, path.stat().st_mtime_ns) for stem, path in found.items()))


@lru_cache(1)
def _loaded(name: str, found: tuple[tuple[str, Path, int], ...]) -> Dataset:
    """What is in these files of this age: read and verified once, though many runs ask for it."""
    tensors = [_idx(_verified(name, stem, path), path) for stem, path, _ in found]
    images = [image.flatten(1).float() / 255 for image in tensors[::2]]  # training.6
    labels = [label.long() for label in tensors[1::2]]
    source = str(found[0][1].parent)
    return Dataset(name, LABELS[name], source, (images[0], labels[0]), (images[1], labels[1]))


def digits() -> Dataset:
    """The stand-in: 1,797 digits of 8 by 8 pixels that ship inside scikit-learn; every fifth is a test image."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise Missing("data: the stand-in `digits` ships with scikit-learn: pip install 'torchstone[digits]'") from None
    bunch = load_digits()
    images, labels = torch.tensor(bunch.data, dtype=torch.float32) / 16, torch.tensor(bunch.target, dtype=torch.int64)
    test = torch.arange(len(labels)) % 5 == 0
    return Dataset(
        "digits", LABELS["digits"], "scikit-learn", (images[~test], labels[~test]), (images[test], labels[test])
    )


def cache() -> Path:
    """Where downloads are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "torchstone"


def _found(name: str, folder: Path | None) -> dict[str, Path] | None:
    """The four files of the first place that has any of them."""
    named = os.environ.get("TORCHSTONE_DATA")
    given = folder or (Path(named) if named else None)
    places = [given / name, given] if given else []
    for place in [*places, cache() / name]:
        files = {stem: _either(place, stem) for stem in FILES[name]}
        if place != cache() / name and any(files.values()) and not all(files.values()):
            missing = ", ".join(stem for stem, path in files.items() if not path)
            raise DataError(f"data: {place} holds only a part of {LABELS[name]}; missing: {missing} (.gz or plain)")
        if all(files.values()):
            return {stem: path for stem, path in files.items() if path}
    if folder:
        raise Missing(f"data: neither {folder / name} nor {folder} holds {', '.join(FILES[name])} (.gz or plain)")
    return None


def _either(place: Path, stem: str) -> Path | None:
    return next((path for path in (place / f"{stem}.gz", place / stem) if path.is_file()), None)


def _verified(name: str, stem: str, path: Path) -> bytes:
    """What is in the file, uncompressed, once its checksum is right."""
    raw, official = path.read_bytes(), FILES[name][stem]
    zipped = path.suffix == ".gz"
    found = hashlib.sha256(raw).hexdigest()
    expected = official.gz if zipped else official.plain
    if found == expected:  # training.17
        return gzip.decompress(raw) if zipped else raw
    why = f"its SHA-256 is {found}, the official file has {expected}"
    for other, files in FILES.items():
        for another, file in files.items():
            if found in (file.gz, file.plain):
                why = f"it is {LABELS[other]}'s {another} under another name"
    if zipped and len(raw) < official.size:
        why += f"; it has {len(raw):,} bytes of {official.size:,}, so it may have been cut off"
    raise DataError(
        f"data: {path} is not the official {stem} of {LABELS[name]}: {why}. Delete it or put the official file there"
    )


def _idx(content: bytes, path: Path) -> Tensor:
    """An IDX file of unsigned bytes: two zeros, type 8, the number of axes, each axis as four bytes, the values."""
    axes = content[3]
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes)]
    values = content[4 + 4 * axes :]
    if content[:3] != b"\0\0\x08" or len(values) != math.prod(shape):
        raise DataError(f"data: {path} is no IDX file of unsigned bytes")
    return torch.frombuffer(bytearray(values), dtype=torch.uint8).reshape(shape)


def _downloaded(name: str, progress: Progress | None) -> dict[str, Path]:
    """The four files in the cache, fetched where they are missing."""
    place = cache() / name
    files = {stem: place / f"{stem}.gz" for stem in FILES[name]}
    try:
        for stem, path in files.items():
            if not path.is_file():
                official = FILES[name][stem]
                urls = [f"{mirror}{stem}.gz" for mirror in MIRRORS[name]]
                fetch(urls, path, official.gz, official.size, progress)
    except Unreachable as error:
        raise Missing(
            f"data: {LABELS[name]} is not on this machine and could not be downloaded ({error}).\n"
            f"  Put {', '.join(f'{stem}.gz' for stem in FILES[name])} into DIR/{name} "
            "and say --data DIR or TORCHSTONE_DATA=DIR;\n"
            "  or try again with a network;\n"
            "  or say --dataset digits for the 8x8 digits inside scikit-learn: a stand-in, and labelled as one."
        ) from None
    return files
