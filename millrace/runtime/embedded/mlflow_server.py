"""MLflow's server in this very process: `python -m millrace.runtime.embedded.mlflow_server PORT`.

`mlflow server` prepares the database and then starts a child that serves: twice the memory, and killed, it leaves
the child behind, holding the port. Settings come in the environment, see `mlflow.command`.
"""

from __future__ import annotations

import os
import sys


def serve(port: int) -> None:
    """Prepare the database, then serve on loopback until told to stop."""
    import uvicorn
    from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR, BACKEND_STORE_URI_ENV_VAR
    from mlflow.server.handlers import initialize_backend_stores

    database = os.environ[BACKEND_STORE_URI_ENV_VAR]
    initialize_backend_stores(database, database, os.environ[ARTIFACT_ROOT_ENV_VAR])
    uvicorn.run("mlflow.server.fastapi_app:app", host="127.0.0.1", port=port, access_log=False, log_level="warning")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
