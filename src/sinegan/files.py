"""Files that are written whole or not at all."""

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4


def write_whole(path: Path, content: bytes | str, durable: bool = True) -> None:
    """Writes a file so that a reader sees the old content or the new, whatever happens.

    durable: also after a power cut. Raises OSError naming the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any, durable: bool = True) -> None:
    write_whole(path, json.dumps(value, indent=1) + "\n", durable)
