"""The former name of `python -m sinegan.theory`, kept for commands that were written down."""

import runpy

if __name__ == "__main__":
    runpy.run_module("sinegan.theory", run_name="__main__", alter_sys=True)
