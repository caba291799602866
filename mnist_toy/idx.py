"""Reading IDX files, the form in which MNIST and its relatives are published (plain or gzipped)."""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from subliminal.errors import UserError

MAX_BYTES = 2**30
_GZIP_MAGIC = b"\x1f\x8b"
_UNSIGNED_BYTE = 0x08


@dataclass(frozen=True, eq=False)
class IdxFile:
    """The content of one IDX file.

    Attributes:
        values: The array, uint8, read-only, of the rank that was asked for.
        content_md5: MD5 (hex) of the uncompressed file, header included.
    """

    values: NDArray[np.uint8]
    content_md5: str


def read_idx(path: Path, rank: int) -> IdxFile:
    """Read an IDX file of unsigned bytes; a name that ends in `.gz` is unpacked on the way.

    Args:
        path: The file.
        rank: Number of dimensions it must have: 3 for images, 1 for labels.

    Raises:
        UserError: The file cannot be opened, is a damaged gzip, or is not such an IDX file.
    """
    try:
        with path.open("rb") as raw, _unpacked(path, raw) as stream:
            return parse_idx(stream, rank, place=str(path))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: damaged gzip file ({error}); fetch it again") from error
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror or error}); "
            "it must be a file that this user may read"
        ) from error


def parse_idx(stream: BinaryIO, rank: int, place: str) -> IdxFile:
    """Parse a stream that holds exactly one IDX array of unsigned bytes.

    No more than the header announces, and at most `MAX_BYTES`, is taken into memory, so neither a
    forged header nor a gzip bomb can exhaust it.

    Args:
        stream: The uncompressed bytes: two zeros, the type 0x08, the rank, one big-endian 32-bit
            size per dimension, then the values.
        rank: Number of dimensions it must have.
        place: What error messages call the stream, as a rule the file's path.

    Raises:
        UserError: Wrong magic number, empty or oversized array, too few or too many bytes.
    """
    header_size = 4 + 4 * rank
    header = stream.read(header_size)
    _check_magic(header, rank, place)
    if len(header) < header_size:
        raise UserError(
            f"{place}: ends after {len(header)} bytes, inside the IDX header of {header_size} "
            "bytes; fetch it again"
        )
    shape = struct.unpack(f">{rank}I", header[4:])
    payload = _read_payload(stream, shape, place)
    md5 = hashlib.md5(header, usedforsecurity=False)
    md5.update(payload)
    values = np.frombuffer(payload, dtype=np.uint8).reshape(shape)
    return IdxFile(values=values, content_md5=md5.hexdigest())


def _unpacked(path: Path, raw: BinaryIO) -> AbstractContextManager[BinaryIO]:
    if path.suffix == ".gz":
        return cast("AbstractContextManager[BinaryIO]", gzip.GzipFile(fileobj=raw, mode="rb"))
    return raw


def _check_magic(header: bytes, rank: int, place: str) -> None:
    expected = bytes([0, 0, _UNSIGNED_BYTE, rank])
    found = header[:4]
    if found == expected:
        return
    if found.startswith(_GZIP_MAGIC):
        raise UserError(f"{place}: is compressed with gzip; give its name the ending .gz")
    raise UserError(
        f"{place}: starts with {found.hex() or 'nothing'} where an IDX file of {rank} "
        f"dimension(s) starts with {expected.hex()}; check that it is the file its name says"
    )


def _read_payload(stream: BinaryIO, shape: tuple[int, ...], place: str) -> bytes:
    size = math.prod(shape)
    sizes = " x ".join(f"{length:,}" for length in shape)
    if size == 0:
        raise UserError(f"{place}: is empty (its header says {sizes}); it needs at least one entry")
    if size > MAX_BYTES:
        raise UserError(
            f"{place}: its header says {sizes} bytes, more than the {MAX_BYTES:,} allowed; "
            "the header is damaged, or the data need to be cut down"
        )
    # One byte too many is asked for: it shows a surplus, and it makes gzip reach the end of its
    # stream, where it compares the check sum.
    payload = stream.read(size + 1)
    if len(payload) != size:
        found = "more" if len(payload) > size else f"only {len(payload):,}"
        raise UserError(
            f"{place}: its header says {sizes} = {size:,} bytes, but {found} follow; fetch it again"
        )
    return payload
