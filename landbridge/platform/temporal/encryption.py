"""Payload encryption: the personal data in Temporal (addresses, names, sentences) is readable with our keys only.

The codec encrypts every payload: arguments, results, signals, updates, queries and their results, heartbeats, memos,
summaries and details, and the messages and stack traces of failures. Workflow ids and search attributes are not
encrypted: they contain no personal data.

Encryption also authenticates the writer of a payload: only a process with our keys can write it. So an unencrypted
payload is rejected, and so is a payload that was copied from another workflow: each is bound to its workflow's id.
"""

import copy
import os
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from landbridge.domain import ids
from landbridge.domain.text import text
from landbridge.platform.exits import KeyMissing

ENCODING = b"binary/encrypted"
"""The encoding of an encrypted payload."""
KEY_ID = "encryption-key-id"
"""The metadata field with the id of the key."""
WORKFLOW_ID = "encryption-workflow-id"
"""The metadata field with the id of the workflow that the payload is bound to. The codec endpoint needs it, because it
does not know the workflow."""
UNTRUSTED = Payload(metadata={"encoding": ids.UNTRUSTED})
"""Replaces a rejected payload. No converter can read it, so a signal is dropped, and an update or a query is rejected;
`platform.temporal.untrusted_payloads` handles the rest."""
_MIN_COMPRESSED_SIZE = 512
"""Bytes. Compression shrinks a batch of a roster to a seventh; a small payload, such as a click, does not shrink."""
_NONCE = 12
_PLAIN, _COMPRESSED = b"\0", b"\1"
_PURPOSE = b"landbridge payload encryption 2"

logger = structlog.get_logger()


class _Key(NamedTuple):
    id: bytes
    """Derived from the key, so that keys need no names; reveals nothing about the key."""
    cipher: AESGCM


def _derive(secret: str) -> _Key:
    derived = HKDF(SHA256(), length=36, salt=None, info=_PURPOSE).derive(secret.encode())
    return _Key(derived[32:].hex().encode(), AESGCM(derived[:32]))


def key_id(payload: Payload) -> str | None:
    """Return the id of the key that a payload was encrypted with; None if it is not encrypted."""
    if payload.metadata.get("encoding") != ENCODING:
        return None
    return payload.metadata[KEY_ID].decode(errors="replace") if KEY_ID in payload.metadata else ""


def payloads_in(message: Message) -> Iterator[Payload]:
    """Yield each payload in a message, such as a history event; search attributes are excluded."""
    if isinstance(message, Payload):
        yield message
    elif not isinstance(message, SearchAttributes):
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            if isinstance(value, Message):
                inner = [value]
            elif field.message_type.GetOptions().map_entry:
                inner = [entry for entry in value.values() if isinstance(entry, Message)]
            else:
                inner = list(value)
            for each in inner:
                yield from payloads_in(each)


class PayloadEncryption(PayloadCodec, WithSerializationContext):
    """AES-256-GCM. The first key encrypts, every key decrypts; without keys nothing is encrypted.

    A payload is bound to the id of its workflow, which the SDK passes to `with_context`.
    """

    def __init__(self, keys: Sequence[str], *, accept_clear: bool = False) -> None:
        """Take the keys; `accept_clear` is for turning encryption on: see docs/how-to/encrypt.md."""
        self._first = _derive(keys[0]) if keys else None
        self._ciphers = {key.id: key.cipher for key in map(_derive, keys)}
        self._accept_clear = accept_clear or not keys
        self._workflow_id: str | None = None
        self._reported = set[str]()

    @property
    def key_ids(self) -> list[str]:
        """The ids of our keys; the first one encrypts."""
        return [key.decode() for key in self._ciphers]

    def with_context(self, context: SerializationContext) -> Self:
        """Return a codec for the payloads of one workflow and its activities."""
        if not isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            return self
        return self.for_workflow(context.workflow_id or "")

    def for_workflow(self, workflow_id: str) -> Self:
        """Return a codec for the payloads of one workflow."""
        if self._first is None:
            return self
        bound = copy.copy(self)
        bound._workflow_id = workflow_id  # noqa: SLF001 - a copy of self
        return bound

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt the payloads that are not encrypted yet. If the codec has no workflow, no workflow can read them."""
        if self._first is None:
            return list(payloads)
        key, workflow_id = self._first, self._workflow_id or ""
        return [payload if key_id(payload) is not None else _encrypt(payload, key, workflow_id) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt payloads. Replace each payload that our processes did not write for this workflow with `UNTRUSTED`.

        If the codec has no workflow (see `with_context`), payloads of any workflow are decrypted.

        Raises:
            KeyMissing: the key is not configured. An operator can add it, so the payload is not rejected.

        """
        return [self._decrypt(payload) for payload in payloads]

    def _decrypt(self, payload: Payload) -> Payload:
        name = key_id(payload)
        if name is None:
            return payload if self._accept_clear else self._reject("not encrypted")
        cipher = self._ciphers.get(name.encode())
        if cipher is None:
            if name not in self._reported:
                self._reported.add(name)
                logger.error("encryption_key_missing", key_id=name, known=self.key_ids)
            raise KeyMissing(
                text(
                    "Temporal holds data encrypted with the key {key_id}, which is not among "
                    "LANDBRIDGE_ENCRYPTION_KEYS. Add it; see docs/how-to/encrypt.md.",
                    key_id=repr(name),
                )
            )
        workflow_id = payload.metadata.get(WORKFLOW_ID, b"")
        if self._workflow_id is not None and workflow_id != self._workflow_id.encode():
            return self._reject("of another workflow")
        try:
            plain = cipher.decrypt(
                payload.data[:_NONCE], payload.data[_NONCE:], _associated_data(name.encode(), workflow_id)
            )
        except (InvalidTag, ValueError):
            return self._reject("changed")
        return Payload.FromString(zlib.decompress(plain[1:]) if plain[:1] == _COMPRESSED else plain[1:])

    def _reject(self, reason: str) -> Payload:
        """Log an untrusted payload. Raising an error would make Temporal retry the workflow task forever."""
        logger.warning("payload_rejected", reason=reason, workflow_id=self._workflow_id)
        return UNTRUSTED


def _encrypt(payload: Payload, key: _Key, workflow_id: str) -> Payload:
    serialized = payload.SerializeToString()
    plain = _PLAIN + serialized
    if len(serialized) >= _MIN_COMPRESSED_SIZE:
        plain = min(plain, _COMPRESSED + zlib.compress(serialized, 1), key=len)
    nonce, bound = os.urandom(_NONCE), workflow_id.encode()
    data = nonce + key.cipher.encrypt(nonce, plain, _associated_data(key.id, bound))
    return Payload(metadata={"encoding": ENCODING, KEY_ID: key.id, WORKFLOW_ID: bound}, data=data)


def _associated_data(key: bytes, workflow_id: bytes) -> bytes:
    """Return the associated data of a payload. It is unambiguous, because all key ids have the same length."""
    return _PURPOSE + b" " + key + b" " + workflow_id
