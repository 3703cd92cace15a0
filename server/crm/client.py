"""Asks the CRM for its records (docs/registry.md): bounded in time and size, without redirects.

GET {crm_url}/customers/{id}                          → a customer with its contacts, contracts and holders; 404: gone, once it is believed
GET {crm_url}/customers?modified_since=T[&after=CURSOR] → {"items": [customer, …], "next": cursor or null}
"""

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx2

from server.crm.connection import CrmConnection
from server.db.clock import Clock

CONNECT_S = 5.0
ANSWER_S = 15.0
WHOLE_ANSWER = timedelta(seconds=60)
"""A CRM that sends one byte now and then holds up the thread no longer than this."""
MAX_ANSWER_BYTES = 8 * 2**20
MAX_CURSOR = 500


class CrmAway(Exception):
    """The CRM cannot be reached, is busy, or failed: the same may succeed later. One line."""


class CrmAnswerInvalid(Exception):
    """The CRM answered what the agreement does not know. One line that says what."""


class CrmClient:
    """One connection pool. Used by one thread."""

    def __init__(self, connection: CrmConnection, clock: Clock) -> None:
        self._connection, self._clock = connection, clock
        headers = {"Accept": "application/json", "User-Agent": "menjin"}
        if connection.token is not None:
            headers["Authorization"] = f"Bearer {connection.token}"
        self._client = httpx2.Client(
            headers=headers,
            timeout=httpx2.Timeout(ANSWER_S, connect=CONNECT_S),
            verify=connection.tls() if connection.url.startswith("https:") else True,
            follow_redirects=False,
            trust_env=False,
            limits=httpx2.Limits(max_connections=2),
        )

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def customer(self, external_id: str) -> Any | None:
        """One customer's record as decoded JSON; None when the CRM answers that it has none (:mod:`server.crm.vanished`)."""
        status, answer = self._get(f"/customers/{quote(external_id, safe='')}", {})
        if status in (404, 410):
            return None
        return answer

    def modified(self, since: datetime | None, after: str | None) -> tuple[list[Any], str | None]:
        """One page of the customers changed since then (all, if None) and the cursor of the next."""
        query = {}
        if since is not None:
            query["modified_since"] = since.isoformat().replace("+00:00", "Z")
        if after is not None:
            query["after"] = after
        status, answer = self._get("/customers", query)
        if status in (404, 410):
            raise CrmAnswerInvalid(f"GET /customers: the CRM answered {status}; check crm_url")
        if status != 200 or not isinstance(answer, dict) or not isinstance(answer.get("items"), list):
            raise CrmAnswerInvalid(f'GET /customers: {status}: {{"items": [...], "next": …}} is expected')
        following = answer.get("next")
        if following is not None and not (isinstance(following, str | int) and len(str(following)) <= MAX_CURSOR):
            raise CrmAnswerInvalid("GET /customers: next is neither text nor null")
        if following is not None and str(following) == after:
            raise CrmAnswerInvalid("GET /customers: next is the cursor that was asked for: this would never end")
        return answer["items"], None if following is None else str(following)

    def _get(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        where = f"GET {path}"
        begun = self._clock.now()
        try:
            with self._client.stream("GET", self._connection.url + path, params=query) as response:
                status = response.status_code
                if status in (404, 410):
                    return status, None
                if status == 429 or status >= 500:
                    raise CrmAway(f"{where}: the CRM answered {status}")
                if status != 200:
                    raise CrmAnswerInvalid(f"{where}: the CRM answered {status}; check crm_url and crm_token_file")
                body = bytearray()
                for part in response.iter_bytes():
                    body += part
                    if len(body) > MAX_ANSWER_BYTES:
                        raise CrmAnswerInvalid(f"{where}: the answer is larger than {MAX_ANSWER_BYTES} bytes")
                    if self._clock.now() - begun > WHOLE_ANSWER:
                        raise CrmAway(f"{where}: the answer was not whole after {WHOLE_ANSWER.seconds} s")
        except httpx2.HTTPError as error:
            raise CrmAway(
                f"{where}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            ) from error
        try:
            return status, json.loads(bytes(body))
        except (ValueError, RecursionError) as error:
            raise CrmAnswerInvalid(f"{where}: the answer is not JSON") from error
