"""The payload codec, tested without a server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.converter import ActivitySerializationContext

from landbridge.platform.exits import KeyMissing
from landbridge.platform.temporal import connection, encryption
from landbridge.platform.temporal.encryption import PayloadEncryption

OLD, NEW = "an-old-key-of-at-least-thirty-two-characters", "a-new-key-of-at-least-thirty-two-characters"
ANN = "ann@example.com"

keys = st.text(min_size=32, max_size=48)
payloads = st.builds(
    Payload, metadata=st.dictionaries(st.text(max_size=9), st.binary(max_size=9)), data=st.binary()
).filter(lambda payload: encryption.key_id(payload) is None)


@given(st.lists(payloads, max_size=4), keys)
async def test_encryption_round_trip(clear: list[Payload], key: str) -> None:
    """Any payload survives, even an empty one or another encoding. An encrypted payload is not encrypted again."""
    codec = PayloadEncryption([key])
    encrypted = await codec.encode(clear)
    assert all(encryption.key_id(payload) == codec.key_ids[0] for payload in encrypted)
    assert await codec.encode(encrypted) == encrypted
    assert await codec.decode(encrypted) == clear


async def test_an_encrypted_payload_reveals_nothing() -> None:
    """Neither the text nor the key is visible, and the same text is encrypted differently each time."""
    codec = PayloadEncryption([OLD])
    clear = [Payload(data=ANN.encode() * number) for number in (1, 1, 100)]
    encrypted = await codec.encode(clear)
    for payload in encrypted:
        assert ANN.encode() not in payload.SerializeToString()
        assert OLD.encode() not in payload.SerializeToString()
    assert encrypted[0].data != encrypted[1].data


async def test_a_long_payload_is_compressed() -> None:
    """Temporal limits the size of an event, so long payloads are compressed before encryption."""
    (encrypted,) = await PayloadEncryption([OLD]).encode([Payload(data=b'{"email": "ann@example.com"}' * 1_000)])
    assert len(encrypted.data) < 1_000


async def test_keys_can_be_rotated() -> None:
    """The first key encrypts, and all keys decrypt. Each payload contains the id of its key."""
    before = await PayloadEncryption([OLD]).encode([Payload(data=b"x")])
    both = PayloadEncryption([NEW, OLD])
    after = await both.encode([Payload(data=b"x")])
    assert [encryption.key_id(payload) for payload in (*after, *before)] == both.key_ids
    assert await both.decode([*before, *after]) == [Payload(data=b"x")] * 2
    assert await PayloadEncryption([NEW]).decode(after) == [Payload(data=b"x")]


@pytest.mark.parametrize("others", [[], [NEW]])
async def test_a_missing_key_is_named_by_its_id(others: list[str]) -> None:
    """The message names the setting and contains no key, even if encryption is off."""
    encrypted = await PayloadEncryption([OLD]).encode([Payload(data=b"x")])
    with pytest.raises(KeyMissing, match="LANDBRIDGE_ENCRYPTION_KEYS") as missing:
        await PayloadEncryption(others).decode(encrypted)
    assert str(encryption.key_id(encrypted[0])) in str(missing.value)
    assert not {OLD, NEW} & set(str(missing.value).split())


async def test_an_unencrypted_payload_is_rejected_if_there_are_keys() -> None:
    """Anyone could have written such a payload. A setting allows it while encryption is being turned on."""
    clear = [Payload(metadata={"encoding": b"json/plain"}, data=b"{}")]
    assert await PayloadEncryption([OLD]).decode(clear) == [encryption.UNTRUSTED]
    assert await PayloadEncryption([OLD], accept_clear=True).decode(clear) == clear
    assert await PayloadEncryption([]).decode(clear) == clear
    assert await PayloadEncryption([]).encode(clear) == clear


async def test_a_payload_belongs_to_one_workflow() -> None:
    """A codec for another workflow rejects the payload. A codec without a workflow reads every payload."""
    clear, codec = [Payload(data=b"x")], PayloadEncryption([OLD])
    (encrypted,) = await codec.for_workflow("one").encode(clear)
    moved = Payload(metadata={**encrypted.metadata, encryption.WORKFLOW_ID: b"two"}, data=encrypted.data)
    nobodys = Payload(data=encrypted.data)
    for name in ("encoding", encryption.KEY_ID):
        nobodys.metadata[name] = encrypted.metadata[name]
    activity = ActivitySerializationContext("default", "1", "t", "q", "one", "w", is_local=False)
    assert await codec.for_workflow("one").decode([encrypted]) == clear
    assert await codec.with_context(activity).decode([encrypted]) == clear
    assert await codec.decode([encrypted]) == clear
    for reader in (codec, codec.for_workflow("one"), codec.for_workflow("two"), codec.for_workflow("")):
        assert await reader.decode([moved, nobodys]) == [encryption.UNTRUSTED] * 2
    assert await codec.for_workflow("two").decode([encrypted]) == [encryption.UNTRUSTED]
    assert await codec.for_workflow("two").decode(await codec.encode(clear)) == [encryption.UNTRUSTED]


@given(st.data())
async def test_a_changed_payload_is_rejected(data: st.DataObject) -> None:
    """The codec replaces the payload with a marker that no converter reads, so no workflow gets stuck."""
    codec = PayloadEncryption([OLD])
    (encrypted,) = await codec.encode([Payload(data=ANN.encode())])
    place = data.draw(st.integers(0, len(encrypted.data) - 1))
    changed = encrypted.data[place] ^ data.draw(st.integers(1, 255))
    cut = data.draw(st.sampled_from([encrypted.data[:place], encrypted.data[:place] + bytes([changed])]))
    forged = Payload(metadata=dict(encrypted.metadata), data=cut + encrypted.data[place + 1 :] if cut[place:] else cut)
    assert await codec.decode([forged]) == [encryption.UNTRUSTED]
    with pytest.raises(Exception, match="encoding"):
        await connection.data_converter([OLD]).decode([forged])
