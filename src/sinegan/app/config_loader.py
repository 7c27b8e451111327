"""Hydra's loader of YAML files, for use before Hydra runs the command."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.initialize import get_gh_backup, restore_gh_from_backup

from hydra_plugins._hydra_private import Hydra, create_config_search_path
from sinegan.app.conf_folder import conf_folder

CONFIG_NAME = "config"


@contextmanager
def config_loader(args: Namespace) -> Iterator[ConfigLoader]:
    """Hydra's loader over our YAML files, and over the folder given with --config-dir."""
    before = get_gh_backup()
    search_path = create_config_search_path(str(Path(args.config_path or conf_folder()).absolute()))
    if args.config_dir:
        extra = f"file://{Path(args.config_dir).absolute()}"
        search_path.prepend("command-line", extra, anchor=SearchPathQuery(provider="schema"))
    Hydra.create_main_hydra2("sinegan", search_path)
    try:
        yield GlobalHydra.instance().config_loader()
    finally:
        restore_gh_from_backup(before)
