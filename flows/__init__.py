"""Order: each flow reads as the list of its steps."""

import gc
import os
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_HOME = Path(os.environ.get("EVENHAND_HOME", _ROOT / "var"))

# Read by the libraries when they are imported, so they are set here, before any flow imports one.
# Every line is a default: the environment wins.
for _name, _value in {
    "PREFECT_HOME": str(_HOME / "prefect"),
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # The first start on a new home migrates a database: 20 s, which is Prefect's own, are not enough everywhere.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
}.items():
    os.environ.setdefault(_name, _value)

# `mlflow run .` makes this store up where none was named. Models belong in one registry, the one in home.
if os.environ.get("MLFLOW_TRACKING_URI") == f"sqlite:///{_ROOT / 'mlflow.db'}":
    del os.environ["MLFLOW_TRACKING_URI"]

# The libraries make 700,000 objects when they are imported, hardly one of which is ever freed. Looking through all of
# them every 700 new ones, as Python does unasked, takes two seconds of each start.
gc.set_threshold(100_000)

Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
