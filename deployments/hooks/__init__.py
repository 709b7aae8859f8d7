"""The receiver of store events: keeps what the online store says has changed, and has a pass started. Nothing else.

docs/adr/0013-webhook-receiver.md. `python -m deployments.hooks`; `truckroll up` starts it for shops that sell online.
"""
