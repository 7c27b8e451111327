"""The private names of Hydra and OmegaConf that the plugins and `sinegan.app` rely on, each with the reason.

Any release may drop a private name, so no other module may import or use one.
`tests/hydra_plugins/test_hydra_private.py` checks that, and names those that are gone. Hydra does not look
for plugins in a module whose name begins with an underscore.
"""

# Composes and calls callbacks as `hydra.main` does; Hydra's public functions compose, but run no callbacks.
from hydra._internal.callbacks import Callbacks as Callbacks

# Names a job's overrides as `hydra.job.override_dirname` does.
from hydra._internal.config_loader_impl import get_overrides_dirname as get_overrides_dirname

# The module of BasicSweeper, which our sweeper extends. It has no public home. Not the class itself: Hydra,
# looking for plugins, executes the module again, and the methods of the class refer to its newest version.
from hydra._internal.core_plugins import basic_sweeper as basic_sweeper

# Opens the YAML files with a search path of our own: `hydra.initialize` takes no second folder.
from hydra._internal.hydra import Hydra as Hydra
from hydra._internal.utils import create_config_search_path as create_config_search_path

# Hydra's own flags, which the command line of sinegan takes as well.
from hydra._internal.utils import get_args_parser as get_args_parser
from hydra.plugins.completion_plugin import DefaultCompletionPlugin

PARENT, FLAGS_CACHE = "_parent", "_flags_cache"
"""The attributes of every OmegaConf node that a copy below another parent must not keep."""


def completions(plugin: DefaultCompletionPlugin, config_name: str, words: str) -> list[str]:
    """Hydra's own completions of the last word. No shell's plugin returns them: each prints them."""
    offers: list[str] = plugin._query(config_name, words)
    return offers
