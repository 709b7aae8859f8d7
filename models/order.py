"""A purchase order for a distributor, as the loop hands it over."""

from __future__ import annotations

from models.approval import Approval, OrderTerms
from models.base import DomainModel


class PurchaseOrder(DomainModel):
    """One approved part, ordered from the approved branch. Cannot be made for terms nobody approved."""

    po_number: str
    reference: str
    """Free text on the line: the job's number, so that the distributor's paper names it."""
    terms: OrderTerms
    approval: Approval

    def model_post_init(self, _context: object) -> None:
        """Raise `ValueError` when the approval is for other terms or another order number."""
        if not self.approval.covers(self.terms) or self.approval.po_number != self.po_number:
            raise ValueError(f"Order {self.po_number} is not what approval {self.approval.approval_id} approved.")
