"""The receiver of events: keeps what the vendors say has changed, and has a pass started. Nothing else.

docs/adr/0013-webhook-receiver.md and 0016. `python -m deployments.hooks`; `truckroll up` starts it for shops that know
a vendor by a secret.
"""
