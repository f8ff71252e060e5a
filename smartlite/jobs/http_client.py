"""Sends the HTTP requests of steps: to hosts that may be asked, within bounds. Must not know steps."""

import asyncio
from typing import Final

import httpx

from smartlite.errors import HTTPRequestFailed, HTTPRequestRefused
from smartlite.jobs.http_hosts import AllowedHosts
from smartlite.pipeline.steps.ports import HTTPAnswer, HTTPRequest

MAX_BYTES: Final = 10 * 1024 * 1024
"""Of a request, and of an answer as it is after decompression."""
_CONNECT_S: Final = 10.0


class GuardedClient:
    """What steps call HTTPClient. A connection serves one request; redirects are answers like others.

    Args:
        hosts: Which may be asked.
        transport: Sends; None: over the network.
        max_bytes: Of a request or an answer.
        cuts: Whether of a longer answer the beginning is taken, as it came; else it is refused.
        https_only: Whether a host is asked over http only where it may be asked wherever it is.
    """

    def __init__(
        self,
        hosts: AllowedHosts,
        transport: httpx.AsyncBaseTransport | None = None,
        max_bytes: int = MAX_BYTES,
        *,
        cuts: bool = False,
        https_only: bool = False,
    ) -> None:
        self._hosts = hosts
        self._cuts = cuts
        self._https_only = https_only
        self._transport = transport
        self._max_bytes = max_bytes

    async def send(self, request: HTTPRequest) -> HTTPAnswer:
        """See HTTPClient."""
        if len(request.body) > self._max_bytes:
            raise HTTPRequestRefused(f"The request has more than {self._max_bytes} bytes.", "json")
        try:
            async with asyncio.timeout(request.timeout_s):
                return await self._send(request)
        except TimeoutError as error:
            raise HTTPRequestFailed(f"The service did not answer within {request.timeout_s:g} s.") from error
        except httpx.InvalidURL as error:
            raise HTTPRequestRefused("The URL cannot be read.", "url") from error
        except httpx.HTTPError as error:
            raise HTTPRequestFailed(f"The service could not be asked: {type(error).__name__}.") from error
        except (UnicodeError, ValueError) as error:
            raise HTTPRequestRefused("The URL or a header has a character that cannot be sent.", "url") from error

    async def _send(self, request: HTTPRequest) -> HTTPAnswer:
        url = httpx.URL(request.url)
        if url.scheme not in {"http", "https"} or not url.host:
            raise HTTPRequestRefused("The URL does not begin with http:// or https:// and a host.", "url")
        if url.userinfo:
            raise HTTPRequestRefused("The URL has a user or a password; send a header instead.", "url")
        host, port = url.host, url.port or (443 if url.scheme == "https" else 80)
        if self._https_only and url.scheme != "https" and not self._hosts.is_named(host, port):
            raise HTTPRequestRefused("The URL does not begin with https://.", "url")
        address = await self._hosts.address_of(host, port)
        headers = {**request.headers, "host": url.netloc.decode("ascii")}
        extensions = {"sni_hostname": host} if url.scheme == "https" else {}
        async with (
            httpx.AsyncClient(
                transport=self._transport,
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(request.timeout_s, connect=_CONNECT_S),
            ) as client,
            client.stream(
                request.method,
                url.copy_with(host=address, port=url.port, fragment=None),
                headers=headers,
                content=request.body or None,
                extensions=extensions,
            ) as response,
        ):
            return HTTPAnswer(response.status_code, _headers(response), await self._read(response))

    async def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in response.aiter_raw() if self._cuts else response.aiter_bytes():
            body += piece
            if len(body) > self._max_bytes and self._cuts:
                break
            if len(body) > self._max_bytes:
                raise HTTPRequestRefused(f"The service's answer has more than {self._max_bytes} bytes.")
        return bytes(body[: self._max_bytes])


def _headers(response: httpx.Response) -> dict[str, str]:
    """What a step may see of them: nothing that keeps somebody signed in."""
    return {name.lower(): value for name, value in response.headers.items() if name.lower() != "set-cookie"}
