"""The pool of connections."""

import asyncio

from landbridge.integrations.smtp.message import EncodedMessage
from landbridge.integrations.smtp.pool import Pool
from landbridge.integrations.smtp.relay import Server
from tests.integrations.smtp.scripted import ScriptedServer


def at(port: int) -> Server:
    """Return settings for a server on loopback."""
    return Server(host="127.0.0.1", port=port, sender="no-reply@example.com", security="none")


async def test_an_idle_connection_is_closed_with_quit() -> None:
    """The next mail opens a new connection."""
    mail = EncodedMessage(recipient="ann@example.com", content=b"Subject: hello\r\n\r\nhello\r\n")
    async with ScriptedServer() as server:
        pool = Pool(at(server.port).open, 2, idle_seconds=0.01)
        async with pool.connection() as connection:
            await connection.send(mail)
        await server.gone.wait()
        assert server.commands[-1] == "QUIT"
        async with pool.connection() as connection:
            await connection.send(mail)
        await pool.close()
    assert server.connections == 2


async def test_slots_are_restored_when_no_connection_is_open() -> None:
    """The pool then discovers again how many connections the server allows."""
    async with ScriptedServer() as server:
        pool = Pool(at(server.port).open, 2)
        server.script = lambda heard: "421 busy" if server.open_now > 1 and heard.line.startswith("EHLO") else None
        async with pool.connection():
            second = asyncio.create_task(_use(pool))
            await server.gone.wait()
            assert not second.done()
        await second
        await pool.close()
        server.script = lambda _heard: None
        async with pool.connection(), pool.connection():
            assert server.open_now == 2
        await pool.close()


async def _use(pool: Pool) -> None:
    async with pool.connection():
        pass
