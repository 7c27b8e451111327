"""How a command ends: with an exit code, or with the message of a refusal."""

Outcome = int | str | None


def refusal(*lines: str) -> str:
    """The message of a command that trained nothing, with its reasons."""
    return "sinegan: nothing was run:\n  " + "\n  ".join(lines)
