"""conda's command line: conda-lock carries a whole conda inside, which its own code calls by another name."""

import importlib
import importlib.abc
import importlib.util
import sys
import types

CARRIER = "conda_lock"


class Alias(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `conda.x` in what conda-lock carries; either name gives the one module."""

    def find_spec(self, name, path=None, target=None):
        """Of conda and its modules alone."""
        return importlib.util.spec_from_loader(name, self) if name.split(".")[0] == "conda" else None

    def create_module(self, spec):
        """The module that is carried, which runs as it is imported here."""
        return importlib.import_module(f"{CARRIER}._vendor.{spec.name}")

    def exec_module(self, module):
        """Nothing is left to be done."""


if __name__ == "__main__":
    carrier = types.ModuleType(CARRIER)  # conda-lock itself would import much that conda does not need
    carrier.__path__ = importlib.util.find_spec(CARRIER).submodule_search_locations
    sys.modules[CARRIER] = carrier
    sys.meta_path.insert(0, Alias())
    sys.exit(importlib.import_module("conda.cli.main").main())
