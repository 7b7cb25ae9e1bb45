"""Databases of Prefect and MLflow without a row: migrating one takes as long as a training of few rows."""

import os
import subprocess
import sys

from tasks.settings import ROOT

MIGRATE = """
import asyncio
from prefect.server.database import provide_database_interface
from tasks.tracking.client import connect
asyncio.run(provide_database_interface().create_db())
connect().search_experiments()
"""


def migrate(folder):
    """Make both databases in a folder."""
    (folder / "prefect").mkdir(exist_ok=True)
    stores = {"EVENHAND_HOME": str(folder), "PREFECT_HOME": str(folder / "prefect")}
    subprocess.run([sys.executable, "-c", MIGRATE], cwd=ROOT, env={**os.environ, **stores}, timeout=300, check=True)
