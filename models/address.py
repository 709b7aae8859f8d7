"""Postal addresses."""

from __future__ import annotations

from models.base import DomainModel


class Address(DomainModel):
    """Where a part is shipped to, in US postal terms."""

    name: str = ""
    street: str
    unit: str = ""
    city: str
    state: str
    zip: str
    country: str = "USA"

    def one_line(self) -> str:
        """Return the address as people write it on one line."""
        street = f"{self.street}, {self.unit}" if self.unit else self.street
        return f"{street}, {self.city}, {self.state} {self.zip}"

    def same_place(self, other: Address) -> bool:
        """Tell whether both name one door, whatever the case and spacing. The addressee does not count."""
        return self._key() == other._key()

    def _key(self) -> tuple[str, ...]:
        return tuple(
            " ".join(part.casefold().split()) for part in (self.street, self.unit, self.city, self.state, self.zip)
        )
