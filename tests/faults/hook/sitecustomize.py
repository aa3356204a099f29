"""Imported by every Python that is started with this folder on its path: see ``Faults.to_env`` of tests/faults/layer.py."""

import ast
import os

if "FAULTS" in os.environ:
    from tests.faults.layer import Faults

    Faults(**ast.literal_eval(os.environ["FAULTS"])).install()
