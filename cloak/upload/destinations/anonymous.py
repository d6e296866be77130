"""What somebody without an account gets to see of an upload."""

import httpx

from cloak.errors import TransientError, UntrustedError


def status_of(address: str) -> int:
    """Return the status of a request without any credentials; the answer's body is not read.

    Raises:
        TransientError: there was no answer.
        UntrustedError: the server is not proven to be who it should be.
    """
    try:
        with httpx.stream(
            "GET", address, timeout=60, follow_redirects=True, headers={"Range": "bytes=0-0"}
        ) as response:
            return response.status_code
    except httpx.HTTPError as error:  # its text may hold the address, which may give access by itself
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise UntrustedError("the certificate of the server that shows the photo is not to be trusted") from None
        raise TransientError(f"cannot see what others see: the connection failed ({type(error).__name__})") from None
