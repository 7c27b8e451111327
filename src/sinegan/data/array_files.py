"""Reads the one array in a file of NumPy's."""

import io
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinegan.data.table import UnusableError
from sinegan.printable import shortened

MOST_BYTES = 2**28
"""The greatest size of an array that is read."""


def read_array(content: bytes) -> NDArray[Any]:
    """The array in the content of a .npy file, or of a .npz file that has one. Raises UnusableError."""
    if not content.startswith((b"\x93NUMPY", b"PK")):  # NumPy would recommend to load it as a pickle
        raise UnusableError("is no array of numbers (numpy.save writes one); of a text, name it .txt")
    try:
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
                    raise UnusableError(f"unpacks to over {MOST_BYTES:,} bytes")
        stored = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return stored
        with stored:
            names = list(stored)
            if len(names) != 1:
                raise UnusableError(
                    f"holds the arrays {shortened(', '.join(names)) or '(none)'}; must be one: save it alone"
                )
            array = stored[names[0]]
            if not isinstance(array, np.ndarray):
                raise UnusableError(f"holds {names[0]}, which is no array; save one alone with numpy.savez")
            return array
    except UnusableError:
        raise
    except Exception as error:  # for a damaged file, zipfile, zlib and NumPy raise various errors
        raise UnusableError(f"is no array of numbers ({error})") from error
