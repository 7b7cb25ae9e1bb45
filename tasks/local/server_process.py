"""The process of Prefect's embedded server: it ends with the command that started it, and not before.

``python -m tasks.local.server_process <process id of the command> <number of the socket that it listens on>``
"""

from __future__ import annotations

import socket
import sys

from tasks.processes.parent import end_with_parent


def main() -> None:
    """Serve on the socket of the command."""
    command, number = map(int, sys.argv[1:])
    end_with_parent(command)
    import uvicorn

    config = uvicorn.Config("prefect.server.api.server:create_app", factory=True, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    server.run(sockets=[socket.socket(fileno=number)])
    sys.exit(0 if server.started else 1)


if __name__ == "__main__":
    main()
