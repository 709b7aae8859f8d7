"""The approval page: a technician opens the link in their mail, reads the question, and answers it. Nothing else.

docs/adr/0011-approval-page.md. `python -m deployments.web`; `truckroll up` and `truckroll demo` start it.
"""
