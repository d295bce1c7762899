"""What the topics `accounts`, `keys` and `skips` say, kept up to date between batches."""

from __future__ import annotations

import logging

from streams import metrics
from streams.codec.records import decode_account, decode_key, decode_skip
from streams.errors import RecordError
from streams.model import Accounts, Skips
from streams.vault.keyring import PublicKeys

__all__ = ["FactTaker"]

log = logging.getLogger(__name__)


class FactTaker:
    """Takes records of the three topics into `accounts`, `keys` and `skips`."""

    def __init__(self, accounts: Accounts, keys: PublicKeys, skips: Skips) -> None:
        self._accounts = accounts
        self._keys = keys
        self._skips = skips

    def account(self, key: bytes | None, value: bytes | None) -> None:
        """Take one account. One that cannot be read counts as unknown: an older version could store too much."""
        if value is None:
            return
        name = (key or b"").decode("utf-8", "replace")
        known = self._accounts.get(name)
        try:
            account = decode_account(value)
        except RecordError as error:
            self._accounts.forget(name)
            if known is not None:
                metrics.ACCOUNTS.labels(known.mode.value).dec()
            log.error("an account record could not be read (%s): its account counts as unknown", error.code.value)
            metrics.REJECTED.labels("accounts", error.code.value).inc()
            return
        if self._accounts.put(account):
            if known is not None:
                metrics.ACCOUNTS.labels(known.mode.value).dec()
            metrics.ACCOUNTS.labels(account.mode.value).inc()

    def key(self, key: bytes | None, value: bytes | None) -> None:
        """Take one public key. One that cannot be read is not used: what needs it is refused or waits."""
        if value is None:
            return
        try:
            self._keys.put(decode_key(value))
        except RecordError as error:
            log.error("a key record could not be read: %s", error.code.value)
            metrics.REJECTED.labels("keys", error.code.value).inc()

    def skip(self, key: bytes | None, value: bytes | None) -> None:
        """Take one skip. One that cannot be read skips nothing."""
        try:
            self._skips.put(decode_skip(value or b""))
        except RecordError as error:
            log.error("a skip could not be read: %s", error.code.value)
            metrics.REJECTED.labels("skips", error.code.value).inc()
