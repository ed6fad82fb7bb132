"""Run one measurement once, in this process: `python -m benchmarks.sample MODULE NAME LIBRARY`."""

from __future__ import annotations

import importlib
import json
import sys

from benchmarks.measure import Measurement

module, name, library = sys.argv[1:]
measurement: Measurement = getattr(importlib.import_module(module), name)
print(json.dumps([float(number) for number in measurement.function(library)]))
