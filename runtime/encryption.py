"""Payload encryption: what Temporal keeps of people (addresses, names, sentences) is readable with our keys only.

Every payload goes through here: arguments, results, signals, updates, queries and their answers, heartbeats, memos,
summaries and details, and the texts and traces of failures. Workflow ids and search attributes do not: they hold no
personal data.
"""

import os
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.converter import PayloadCodec

from runtime.exits import KeyMissing

ENCODING = b"binary/encrypted"
"""What stands as the encoding of an encrypted payload."""
KEY_ID = "encryption-key-id"
"""The name under which its metadata hold the id of the key."""
_WORTH_COMPRESSING = 512
"""Bytes; a slice of a roster shrinks to a seventh, a click not at all."""
_NONCE = 12
_PLAIN, _COMPRESSED = b"\0", b"\1"
_PURPOSE = b"landbridge payload encryption 1"

logger = structlog.get_logger()


class _Key(NamedTuple):
    id: bytes
    """Made from the key, so that nobody has to name keys; tells nothing of it."""
    cipher: AESGCM


def _derived(secret: str) -> _Key:
    made = HKDF(SHA256(), length=36, salt=None, info=_PURPOSE).derive(secret.encode())
    return _Key(made[32:].hex().encode(), AESGCM(made[:32]))


def key_id(payload: Payload) -> str | None:
    """Return the id of the key that a payload was encrypted with; None where it stands in clear."""
    if payload.metadata.get("encoding") != ENCODING:
        return None
    return payload.metadata[KEY_ID].decode(errors="replace") if KEY_ID in payload.metadata else ""


def payloads_in(message: Message) -> Iterator[Payload]:
    """Yield each payload of what Temporal keeps, such as an event of a history; search attributes are none of them."""
    if isinstance(message, Payload):
        yield message
    elif not isinstance(message, SearchAttributes):
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            if isinstance(value, Message):
                inner = [value]
            elif field.message_type.GetOptions().map_entry:
                inner = [one for one in value.values() if isinstance(one, Message)]
            else:
                inner = list(value)
            for one in inner:
                yield from payloads_in(one)


class PayloadEncryption(PayloadCodec):
    """AES-256-GCM. The first key encrypts, every key decrypts; without keys nothing is encrypted.

    Payloads in clear are taken as they are, so that encryption can be turned on while migrations run.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._first = _derived(keys[0]) if keys else None
        self._ciphers = {key.id: key.cipher for key in map(_derived, keys)}
        self._told = set[str]()

    @property
    def key_ids(self) -> list[str]:
        """The ids of our keys, that of the encrypting one first."""
        return [key.decode() for key in self._ciphers]

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt what is not encrypted yet."""
        if self._first is None:
            return list(payloads)
        return [payload if key_id(payload) is not None else _encrypted(payload, self._first) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt what is encrypted.

        Raises:
            KeyMissing: none of our keys is the one. Someone can set it, so it must not look like the payload's fault.

        """
        return [
            payload if (name := key_id(payload)) is None else self._decrypted(payload, name) for payload in payloads
        ]

    def _decrypted(self, payload: Payload, name: str) -> Payload:
        cipher = self._ciphers.get(name.encode())
        if cipher is None:
            if name not in self._told:
                self._told.add(name)
                logger.error("encryption_key_missing", key_id=name, known=self.key_ids)
            raise KeyMissing(
                f"Temporal holds data encrypted with the key {name!r}, which is not among LANDBRIDGE_ENCRYPTION_KEYS. "
                "Add it; see docs/encryption.md."
            )
        try:
            said = cipher.decrypt(payload.data[:_NONCE], payload.data[_NONCE:], _bound_to(name.encode()))
        except (InvalidTag, ValueError):
            # Nobody who has the key wrote it, and no setting mends it: whoever reads it finds an unknown encoding.
            logger.warning("payload_not_authentic", key_id=name)
            return payload
        return Payload.FromString(zlib.decompress(said[1:]) if said[:1] == _COMPRESSED else said[1:])


def _encrypted(payload: Payload, key: _Key) -> Payload:
    clear = payload.SerializeToString()
    said = _PLAIN + clear
    if len(clear) >= _WORTH_COMPRESSING:
        said = min(said, _COMPRESSED + zlib.compress(clear, 1), key=len)
    nonce = os.urandom(_NONCE)
    data = nonce + key.cipher.encrypt(nonce, said, _bound_to(key.id))
    return Payload(metadata={"encoding": ENCODING, KEY_ID: key.id}, data=data)


def _bound_to(key: bytes) -> bytes:
    return _PURPOSE + b" " + key
