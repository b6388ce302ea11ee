"""Payload encryption: what Temporal keeps of people (addresses, names, sentences) is readable with our keys only.

Every payload goes through here: arguments, results, signals, updates, queries and their answers, heartbeats, memos,
summaries and details, and the texts and traces of failures. Workflow ids and search attributes do not: they hold no
personal data.

Encryption also proves who wrote a payload: only a process with our keys can. So a payload in clear is refused, and so
is one that was copied from another workflow (each is bound to the id of the workflow that it was written for).
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
from landbridge.platform.exits import KeyMissing

ENCODING = b"binary/encrypted"
"""What stands as the encoding of an encrypted payload."""
KEY_ID = "encryption-key-id"
"""The name under which its metadata hold the id of the key."""
WORKFLOW_ID = "encryption-workflow-id"
"""The name under which its metadata hold the id of the workflow that it is bound to, for readers who are not told it:
the codec endpoint."""
UNTRUSTED = Payload(metadata={"encoding": ids.UNTRUSTED})
"""What a refused payload is replaced by. No converter can read it, so a signal is dropped, and an update or a query is
rejected; `platform.temporal.untrusted_payloads` sees to the rest."""
_WORTH_COMPRESSING = 512
"""Bytes; a slice of a roster shrinks to a seventh, a click not at all."""
_NONCE = 12
_PLAIN, _COMPRESSED = b"\0", b"\1"
_PURPOSE = b"landbridge payload encryption 2"

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


class PayloadEncryption(PayloadCodec, WithSerializationContext):
    """AES-256-GCM. The first key encrypts, every key decrypts; without keys nothing is encrypted.

    A payload is bound to the id of its workflow, which the SDK tells by `with_context`.
    """

    def __init__(self, keys: Sequence[str], *, accept_clear: bool = False) -> None:
        """Take the keys; `accept_clear` is for turning encryption on (docs/how-to/encrypt.md)."""
        self._first = _derived(keys[0]) if keys else None
        self._ciphers = {key.id: key.cipher for key in map(_derived, keys)}
        self._accept_clear = accept_clear or not keys
        self._workflow_id: str | None = None
        self._reported = set[str]()

    @property
    def key_ids(self) -> list[str]:
        """The ids of our keys, that of the encrypting one first."""
        return [key.decode() for key in self._ciphers]

    def with_context(self, context: SerializationContext) -> Self:
        """Return a codec for the payloads of one workflow and its activities."""
        if not isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            return self
        return self.of_workflow(context.workflow_id or "")

    def of_workflow(self, workflow_id: str) -> Self:
        """Return a codec for the payloads of one workflow."""
        if self._first is None:
            return self
        bound = copy.copy(self)
        bound._workflow_id = workflow_id  # noqa: SLF001 - its own
        return bound

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt what is not encrypted yet. Outside any workflow, the payloads are for no workflow to read."""
        if self._first is None:
            return list(payloads)
        key, workflow_id = self._first, self._workflow_id or ""
        return [
            payload if key_id(payload) is not None else _encrypted(payload, key, workflow_id) for payload in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt payloads; each that none of our processes wrote for this workflow is replaced by `UNTRUSTED`.

        Without a workflow (`with_context`), a payload of any workflow is decrypted.

        Raises:
            KeyMissing: none of our keys is the one. Someone can set it, so it must not look like the payload's fault.

        """
        return [self._decoded(payload) for payload in payloads]

    def _decoded(self, payload: Payload) -> Payload:
        name = key_id(payload)
        if name is None:
            return payload if self._accept_clear else self._refused("in clear")
        cipher = self._ciphers.get(name.encode())
        if cipher is None:
            if name not in self._reported:
                self._reported.add(name)
                logger.error("encryption_key_missing", key_id=name, known=self.key_ids)
            raise KeyMissing(
                f"Temporal holds data encrypted with the key {name!r}, which is not among LANDBRIDGE_ENCRYPTION_KEYS. "
                "Add it; see docs/how-to/encrypt.md."
            )
        workflow_id = payload.metadata.get(WORKFLOW_ID, b"")
        if self._workflow_id is not None and workflow_id != self._workflow_id.encode():
            return self._refused("of another workflow")
        try:
            said = cipher.decrypt(payload.data[:_NONCE], payload.data[_NONCE:], _bound_to(name.encode(), workflow_id))
        except (InvalidTag, ValueError):
            return self._refused("changed")
        return Payload.FromString(zlib.decompress(said[1:]) if said[:1] == _COMPRESSED else said[1:])

    def _refused(self, reason: str) -> Payload:
        """Log a payload that is not trusted. Raising would let Temporal try the workflow's task again for ever."""
        logger.warning("payload_refused", reason=reason, workflow_id=self._workflow_id)
        return UNTRUSTED


def _encrypted(payload: Payload, key: _Key, workflow_id: str) -> Payload:
    clear = payload.SerializeToString()
    said = _PLAIN + clear
    if len(clear) >= _WORTH_COMPRESSING:
        said = min(said, _COMPRESSED + zlib.compress(clear, 1), key=len)
    nonce, bound = os.urandom(_NONCE), workflow_id.encode()
    data = nonce + key.cipher.encrypt(nonce, said, _bound_to(key.id, bound))
    return Payload(metadata={"encoding": ENCODING, KEY_ID: key.id, WORKFLOW_ID: bound}, data=data)


def _bound_to(key: bytes, workflow_id: bytes) -> bytes:
    """Return what is authenticated beside the data; the id of a key has a fixed length."""
    return _PURPOSE + b" " + key + b" " + workflow_id
