"""The command line and the functions that Hydra calls. Only this room and the plugins import Hydra."""
