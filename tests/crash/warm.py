"""What the forkserver imports before it forks workers. It opens nothing: no file, no connection, no event loop."""

from __future__ import annotations

import importlib

import apprise

USED = (
    "alembic.command",
    "anyio._backends._asyncio",
    "deployments.cli",
    "deployments.commands.run",
    "fastapi",
    "flows.booking_to_reward",
    "flows.diagnosis_watch",
    "flows.eta_watch",
    "flows.order_to_invoice",
    "flows.parts_loop",
    "flows.running",
    "graphviz",
    "opentelemetry.metrics",
    "prefect.concurrency.asyncio",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.telemetry.run_telemetry",
    "prefect.utilities.visualization",
    "pyreqwest.client",
    "store",
    "tasks.approvals",
    "tasks.held",
)
"""What a pass imports sooner or later, most of it on first use."""

for name in USED:
    importlib.import_module(name)

# apprise reads its 180 plugins when it sees the first address.
apprise.Apprise().add("mailto://127.0.0.1:25/?from=shop@example.com&to=nobody@example.com")
