"""A mail server that refuses us as a whole: the migration pauses with a reason, nobody pays for it, and it resumes."""

import asyncio
from functools import partial

from tests.chaos.faults import Blows
from tests.chaos.machine import Ruin
from tests.e2e import accounts
from tests.e2e.scenario import moving
from tests.workflows.harness import eventually


async def test_refusals_pause_until_resumed(ruin: Ruin) -> None:
    """One after the other, each told with the setting to look at; not a byte of mail until all is mended."""
    async with moving(ruin, accounts.account("refused", 30)) as scenario:
        blows = Blows(ruin, scenario)
        waiting = asyncio.create_task(scenario.start("--wait"))
        for refusal, advice in (
            (blows.without_starttls(), "does not offer STARTTLS"),
            (blows.with_expired_certificate(), "certificate is valid"),
            (blows.with_anothers_certificate(), "certificate is valid"),
            (blows.with_refused_login(), "LANDBRIDGE_SMTP_PASSWORD"),
            (blows.with_refused_sender(), "LANDBRIDGE_SMTP_FROM"),
        ):
            async with refusal:
                await ruin.post.reopen()
                await ruin.resume(scenario.account)
                await eventually(partial(_reported, ruin, scenario.account, advice))
                assert not ruin.post.server.received
        await ruin.post.reopen()
        assert await ruin.resume(scenario.account)
        assert (await waiting).code == 0
        await ruin.judge(scenario)


async def _reported(ruin: Ruin, account: accounts.Account, advice: str) -> bool:
    status = await ruin.status(account)
    return status is not None and any(advice in problem for problem in status.problems)
