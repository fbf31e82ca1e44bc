"""Sessions: the tokens of a user, and whether they still hold."""

import time
from collections import OrderedDict
from collections.abc import Callable

from app.backend.database.base import Database
from app.backend.identity import accounts, tokens
from app.backend.identity.accounts import Account
from app.backend.identity.tokens import Claims, TokenError
from app.backend.settings import Settings

KEEP_SECONDS = 5.0
"""How long it is believed, without asking the database, that a user's sessions have not been ended elsewhere."""
KEPT = 10_000
"""For how many users."""


class Sessions:
    """Issues tokens and tells whose they are."""

    def __init__(self, settings: Settings, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._generations: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def issue(self, account: Account) -> tuple[str, str]:
        """Return an access token and a refresh token for a user."""
        claims = Claims(account.user_id, account.generation)
        secret, settings = self._settings.jwt_secret, self._settings
        return (
            tokens.issue(secret, tokens.ACCESS, claims, settings.token_seconds),
            tokens.issue(secret, tokens.REFRESH, claims, settings.refresh_seconds),
        )

    async def user_of(self, access_token: str) -> str:
        """Return the id of the user an access token stands for.

        Raises:
            TokenError: It is not to be trusted, its sessions were ended, or the user was deleted.
            UnavailableError: The database cannot be asked whether it still holds.
        """
        claims = tokens.read(self._settings.jwt_secret, tokens.ACCESS, access_token)
        known = self._generations.get(claims.user_id)
        if known is None or known[0] != claims.generation or self._clock() - known[1] > KEEP_SECONDS:
            async with self._database.begin(write=False) as transaction:
                account = await accounts.get(transaction, claims.user_id)
            self._note(claims, account)
        return claims.user_id

    async def renewed(self, refresh_token: str) -> Account:
        """Return the user a refresh token stands for.

        Raises:
            TokenError: As `user_of`.
            UnavailableError: As `user_of`.
        """
        claims = tokens.read(self._settings.jwt_secret, tokens.REFRESH, refresh_token)
        async with self._database.begin(write=False) as transaction:
            account = await accounts.get(transaction, claims.user_id)
        return self._note(claims, account)

    def forget(self, user_id: str) -> None:
        """Ask the database again: the user's sessions were ended, or the user was deleted."""
        self._generations.pop(user_id, None)

    def _note(self, claims: Claims, account: Account | None) -> Account:
        self.forget(claims.user_id)
        if account is None or account.generation != claims.generation:
            raise TokenError("the session has ended")
        self._generations[claims.user_id] = (account.generation, self._clock())
        while len(self._generations) > KEPT:
            self._generations.popitem(last=False)
        return account
