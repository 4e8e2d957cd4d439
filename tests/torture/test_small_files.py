"""Small files that claim, or unfold to, more than a machine holds are refused for what they are."""

from __future__ import annotations

import struct
import zlib

import pytest
import torch
from PIL import Image

from smugbook.explorers.static import sprites
from smugbook.notebooks import run
from smugbook.pages import assembly
from smuglib import files
from smuglib.data.fastmri.volume import Volume
from smuglib.files import UnreadableFileError
from smuglib.models import weights
from tests.fastmri_files import header
from tests.torture.bad_calls import limits


def huge_network(path):
    claims = {"name": "didn", "channels": 20_000, "blocks": 400}
    tensors = {f"t{number}": torch.zeros(60) for number in range(500)}
    files.write_bytes(
        path, weights.packed(tensors, {"architecture": claims, "n_steps": 8, "lam": 1.0})
    )


def long_header(path):
    path.write_bytes((2**62).to_bytes(8, "little") + b"{" * 100_000)


def huge_volume(path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        shape = (2, 16, 32768, 4096)
        options = {"chunks": (1, 1, 256, 256), "compression": "gzip", "dtype": "complex64"}
        file.create_dataset("kspace", shape, **options)
        file["ismrmrd_header"] = header()
        file.attrs["patient_id"] = "p1"


def nested(path):
    path.write_text('{"a":' * 100_000 + "1" + "}" * 100_000)


def brackets(path):
    path.write_text("root: " + "[" * 5_000)


def aliases(path):
    lines = ["x0: &x0 {file: a}"]
    for number in range(1, 9):
        inner = ", ".join([f"*x{number - 1}"] * 10)
        lines.append(f"x{number}: &x{number} {{file: b, sections: [{inner}]}}")
    path.write_text("\n".join([*lines, "root: intro", "chapters: [*x8]"]))


def itself(path):
    path.write_text("root: intro\nchapters: &c\n- file: a\n  sections: *c\n")


def wide_image(path):
    Image.new("L", (16383, 1100)).save(path, "WEBP", lossless=True, method=0)


def widest_image(path):
    """The header of a lossless WebP file of 16384 x 16384 pixels, and a little more."""
    bits = (0x2F | (16383 << 8) | (16383 << 22)).to_bytes(5, "little") + bytes(100)
    chunk = b"VP8L" + struct.pack("<I", len(bits)) + bits + bytes(len(bits) % 2)
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk)


def other_format(path):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + bytes(4)

    size = struct.pack(">IIBBBBB", 9000, 9000, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(9001 * 9000), 1)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", body))


BOMBS = {
    huge_network: weights.load_network,
    long_header: lambda path: weights.read_tensors(path, verify=False),
    huge_volume: lambda path: Volume.open(path).kspace(0),
    nested: files.read_json,
    brackets: assembly.chapter_names,
    aliases: assembly.chapter_names,
    itself: assembly.chapter_names,
    wide_image: lambda path: sprites.read_sheet(path, coloured=True),
    widest_image: lambda path: sprites.read_sheet(path, coloured=True),
    other_format: lambda path: sprites.read_sheet(path, coloured=False),
}
"""What makes a file, and what reads it."""


@pytest.mark.parametrize("make", BOMBS)
def test_a_small_file_takes_little_memory(make, tmp_path):
    path = tmp_path / "small"
    make(path)
    assert path.stat().st_size < 1_000_000
    with limits(), pytest.raises(UnreadableFileError, match=r"small cannot be read: .+"):
        BOMBS[make](path)


def test_a_notebook_of_many_brackets_is_none(tmp_path):
    nested(tmp_path / "a.ipynb")
    with pytest.raises(UnreadableFileError, match="it is not a whole JSON file"):
        run.read_notebook(tmp_path / "a.ipynb")
