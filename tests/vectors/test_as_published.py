"""The vectors are those that the README names, byte for byte."""

from __future__ import annotations

import hashlib
import re

from tests.vectors.published import FOLDER

ROW = re.compile(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", re.MULTILINE)


def test_every_file_of_vectors_has_the_hash_that_the_readme_names() -> None:
    named = dict(ROW.findall((FOLDER / "README.md").read_text()))
    files = [file for place in ("wycheproof", "ethers") for file in (FOLDER / place).iterdir() if "LICENSE" not in file.name]
    assert named == {f"{file.parent.name}/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
