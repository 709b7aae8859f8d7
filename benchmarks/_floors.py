"""The floor under the contact sync: the same calls from a bare asyncio loop, with nothing kept and nothing checked.

    python benchmarks/_floors.py aiohttp|httpx ADDRESS IN_FLIGHT

Prints what it took: its own CPU and the time from the first call to the last answer. Reading the JSON is part of it:
without it there would be no e-mail to send, and no link in the end.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

Send = Callable[[str, str, dict[str, str], bytes | None], Awaitable[bytes]]
RF = {"Authorization": "Bearer sandbox-rf-token", "Content-Type": "application/json", "Accept": "application/json"}


async def feeds(send: Send, base: str) -> dict[int, tuple[str, str]]:
    """Read both feeds to their ends: name and e-mail of each customer."""
    token = json.loads(await send("POST", f"{base}/servicetitan/connect/token", {}, b"grant_type=client_credentials"))
    headers = {"Authorization": f"Bearer {token['access_token']}", "ST-App-Key": "sandbox-app-key"}
    names: dict[int, str] = {}
    emails: dict[int, str] = {}

    async def read(name: str, take: Callable[[Any], None]) -> None:
        place, has_more = "", True
        while has_more:
            query = f"?from={place}&includeRecentChanges=true" if place else "?includeRecentChanges=true"
            path = f"{base}/servicetitan/crm/v2/tenant/1234567/export/{name}{query}"
            page = json.loads(await send("GET", path, headers, None))
            for row in page["data"]:
                take(row)
            place, has_more = page["continueFrom"], page["hasMore"]

    def take_contact(row: Any) -> None:
        if row["type"] == "Email" and row["active"]:
            emails.setdefault(row["customerId"], row["value"])

    await asyncio.gather(
        read("customers", lambda row: names.__setitem__(row["id"], row["name"])),
        read("customers/contacts", take_contact),
    )
    return {number: (names[number].split()[0], email) for number, email in emails.items()}


async def sync(send: Send, base: str, in_flight: int) -> int:
    """Make every call of a first contact sync; return how many links came of it."""
    people = await feeds(send, base)
    await send("GET", f"{base}/referral-factory/api/v2/campaigns/1001", RF, None)
    waiting: Iterator[tuple[int, tuple[str, str]]] = iter(people.items())
    links: dict[int, str] = {}

    async def work() -> None:
        for number, (name, email) in waiting:
            body = json.dumps({"campaign_id": 1001, "first_name": name, "email": email, "notify": False}).encode()
            answer = json.loads(await send("POST", f"{base}/referral-factory/api/v2/users", RF, body))
            links[number] = answer["data"]["url"]

    await asyncio.gather(*(work() for _ in range(in_flight)))
    return len(links)


async def over_aiohttp(base: str, in_flight: int) -> int:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def send(method: str, address: str, headers: dict[str, str], content: bytes | None) -> bytes:
            async with session.request(method, address, headers=headers, data=content) as response:
                response.raise_for_status()
                return await response.read()

        return await sync(send, base, in_flight)


async def over_httpx(base: str, in_flight: int) -> int:
    async with httpx.AsyncClient(transport=AiohttpTransport(), timeout=60) as client:

        async def send(method: str, address: str, headers: dict[str, str], content: bytes | None) -> bytes:
            response = await client.request(method, address, headers=headers, content=content)
            return response.raise_for_status().content

        return await sync(send, base, in_flight)


def main() -> None:
    way, base, in_flight = sys.argv[1], sys.argv[2], int(sys.argv[3])
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    links = asyncio.run((over_aiohttp if way == "aiohttp" else over_httpx)(base, in_flight))
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"links": links, "seconds": seconds, "cpu_s": cpu_s}))


if __name__ == "__main__":
    main()
