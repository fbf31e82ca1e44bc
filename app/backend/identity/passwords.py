"""Passwords, as argon2id hashes.

The parameters are those of OWASP's equally strong ones that need the least memory (7 MiB, five passes, one lane;
Password Storage Cheat Sheet). Hashes are made one at a time: a burst of logins costs time rather than memory.
"""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher(time_cost=5, memory_cost=7 * 1024, parallelism=1)
_one_at_a_time = asyncio.Semaphore(1)

NOBODYS = "$argon2id$v=19$m=7168,t=5,p=1$81GrWgttupIn8c2UUwgAgA$7xooZHQ4OBUCnnNcALl5GztJMCsDHZHC0AjCbY1QlEA"
"""What a password is compared with where there is no such name, so that it takes as long as where there is one."""


async def hashed(password: str) -> str:
    """Return the hash of a password."""
    async with _one_at_a_time:
        return await asyncio.to_thread(_hasher.hash, password)


async def matches(password: str, password_hash: str | None) -> bool:
    """Tell whether a hash is a password's; it takes the same time where there is no hash."""
    async with _one_at_a_time:
        return await asyncio.to_thread(_matches, password, password_hash)


def _matches(password: str, password_hash: str | None) -> bool:
    try:
        _hasher.verify(password_hash or NOBODYS, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None
