"""The one HTTP client to the backend, and what its failures are called."""

from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

# Below the 5 s after which a server (uvicorn, by default) closes an idle connection: the other way round, a request now
# and then goes out on a connection that is being closed.
KEEP_ALIVE_SECONDS = 4.0
TIMEOUT = httpx.Timeout(connect=3, read=60, write=60, pool=5)


def make_client(url: str) -> httpx.AsyncClient:
    """Return a client for the backend at `url`."""
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEEP_ALIVE_SECONDS)
    client = httpx.AsyncClient(
        base_url=url,
        # It serves every visitor: a cookie that it kept would go out with the next one's request.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        timeout=TIMEOUT,
        # One retry, of connecting only: nothing is sent twice.
        transport=httpx.AsyncHTTPTransport(limits=limits, retries=1, trust_env=False),
        follow_redirects=False,
        trust_env=False,  # the backend is next door; a proxy of the environment is not meant for it
    )
    client.headers.clear()  # what a visitor does not say is not said for them, Accept-Encoding above all
    return client


def reason(url: str, error: Exception) -> tuple[int, str]:
    """Return the status and the sentence for a failure to get an answer from the backend."""
    host = httpx.URL(url).netloc.decode()
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout() | TimeoutError():
            return 502, f"the backend at {host} cannot be reached: no answer in time"
        case httpx.ConnectError():
            return 502, f"the backend at {host} cannot be reached: {str(error) or 'connection refused'}"
        case httpx.HTTPStatusError():
            return 502, f"the backend at {host} answers {error.response.status_code} {error.response.reason_phrase}"
        case httpx.TimeoutException():
            return 504, f"the backend at {host} has not answered in time"
        case _:
            return 502, f"the backend at {host} broke off: {str(error) or type(error).__name__}"
