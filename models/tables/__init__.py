"""The tables of the store, by subject. Rows are built from validated models: a table model validates nothing.

Times are aware UTC (`UtcDateTime`), also on SQLite, which keeps no zone. Money is kept as text inside JSON columns.
All tables are imported here: whoever asks for one has them all in the metadata, as the migrations need it.
"""

from __future__ import annotations

from models.tables.approvals import ApprovalRow
from models.tables.columns import UtcDateTime
from models.tables.deliveries import HookEventRow, StoreEventRow
from models.tables.ledger import AuditRow, CursorRow, EffectRow, HeldRow, LeaseRow, RateLimitRow
from models.tables.orders import StoreOrderPrintRow, StoreOrderRow
from models.tables.parts import OutboxRow, PartOrderRow, PartRequestRow
from models.tables.referrals import ReferralCustomerRow, ReferralUserRow, ReferredRow
from models.tables.tenant import ContactChangeRow, ContactIndexRow, ContactKeyRow, TenantListsRow

__all__ = [
    "ApprovalRow",
    "AuditRow",
    "ContactChangeRow",
    "ContactIndexRow",
    "ContactKeyRow",
    "CursorRow",
    "EffectRow",
    "HeldRow",
    "HookEventRow",
    "LeaseRow",
    "OutboxRow",
    "PartOrderRow",
    "PartRequestRow",
    "RateLimitRow",
    "ReferralCustomerRow",
    "ReferralUserRow",
    "ReferredRow",
    "StoreEventRow",
    "StoreOrderPrintRow",
    "StoreOrderRow",
    "TenantListsRow",
    "UtcDateTime",
]
