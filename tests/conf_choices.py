"""The choices of each group of conf/."""

from sinegan.app.conf_folder import conf_folder


def choices(group: str) -> list[str]:
    """The names of the YAML files of a group, those in subfolders too."""
    folder = conf_folder() / group
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))
