"""Why an object store did not do what it was asked, in words that say what to do."""

from __future__ import annotations

import re

_CODE = re.compile(r"<Code>([^<]+)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_CAUSE = re.compile(r'(?:message|error): "([^"]+)"')
_WHAT_TO_DO = {
    "InvalidAccessKeyId": "it knows no access key {key!r}: correct MILLRACE_S3_ACCESS_KEY",
    "SignatureDoesNotMatch": "the secret is not that of access key {key!r}: correct MILLRACE_S3_SECRET_KEY",
    "AccessDenied": "access key {key!r} may not do that: let it, or make the bucket if it is missing",
    "AuthorizationHeaderMalformed": "{message} Correct MILLRACE_S3_REGION",
}
_TOLD = "the store says {code}: {message}"


def reason(error: BaseException, key: str) -> str:
    """Return why a call failed; `key` is the access key it was made with, which is no secret.

    A client's own message names the request and its retries first, and then dumps its insides; the cause is in there.
    """
    text = str(error)
    if code := _CODE.search(text):
        message = found[1] if (found := _MESSAGE.search(text)) else ""
        return _WHAT_TO_DO.get(code[1], _TOLD).format(code=code[1], key=key, message=message)
    if "HTTP error: " in text:
        causes = _CAUSE.findall(text)
        return f"no connection: {causes[-1]}" if causes else "no connection: it does not answer as an S3 server does"
    return text.partition("\n")[0]
