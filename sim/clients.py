"""HTTP clients of the simulator: the server's API and the hall (docs/interfaces.md)."""

import ssl
from typing import Any

import httpx2

HTTP_TIMEOUT_S = 20.0


class Refused(Exception):
    """The other side refused: ``status``, its stable ``code`` (or the line it gave) and the text."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(f"{status} {code}: {text}")
        self.status = status
        self.code = code
        self.text = text


class HttpClient:
    """JSON in and out, one connection pool. Raises :class:`Refused` on 4xx and 5xx answers."""

    def __init__(self, url: str, token: str | None = None, verify: ssl.SSLContext | bool = True) -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self.url = url
        # Loopback only: a proxy from the environment must not see these calls.
        self._http = httpx2.Client(
            base_url=url, headers=headers, timeout=HTTP_TIMEOUT_S, verify=verify, trust_env=False
        )

    def get(self, path: str, **query: Any) -> Any:
        return self._answer(self._http.get(path, params={k: v for k, v in query.items() if v is not None}))

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._answer(self._http.post(path, json=body or {}))

    def put(self, path: str, content: bytes, media_type: str) -> Any:
        """A file as body."""
        return self._answer(self._http.put(path, content=content, headers={"content-type": media_type}))

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        return self._answer(self._http.patch(path, json=body))

    def delete(self, path: str) -> Any:
        return self._answer(self._http.delete(path))

    def lines(self, path: str, **query: Any) -> list[str]:
        """The lines of a text answer."""
        with self._http.stream("GET", path, params={k: v for k, v in query.items() if v is not None}) as response:
            if response.status_code >= 400:
                response.read()
                self._answer(response)
            # Split at line feeds alone: a record may hold other line ends of Unicode (U+2028) within its text.
            return [line.decode() for line in b"".join(response.iter_bytes()).split(b"\n") if line]

    def sign_in(self, username: str, password: str) -> None:
        """From now on with a session of this operator, as a browser on the server's own pages would ask."""
        self._http.headers["sec-fetch-site"] = "same-origin"
        self.post("/api/v1/session", {"username": username, "password": password})

    def close(self) -> None:
        self._http.close()

    def _answer(self, response: httpx2.Response) -> Any:
        if response.status_code < 400:
            if "set-cookie" in response.headers:  # httpx2 keeps no __Host- cookie of plain HTTP
                self._http.headers["cookie"] = response.headers["set-cookie"].partition(";")[0]
            return response.json() if response.content else None
        try:
            problem = response.json()
        except ValueError:
            problem = {}
        if not isinstance(problem, dict):
            problem = {}
        code = str(problem.get("code") or problem.get("error") or response.reason_phrase)
        raise Refused(response.status_code, code, str(problem.get("detail") or problem.get("error") or ""))
