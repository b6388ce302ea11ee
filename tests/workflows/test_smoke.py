from domain.links import Purpose
from domain.people import State
from domain.roster import RosterPerson
from domain.sites import Site
from tests.workflows.conftest import Bench, eventually


async def test_smoke(bench: Bench) -> None:
    bench.world.atlassian.listed_sites.append(Site(id="1", name="acme", url="https://acme.atlassian.net", admin=True))
    bench.world.opsgenie.add(
        RosterPerson(email="ann@example.com", email_verified=True), RosterPerson(email="bo@example.com")
    )
    await bench.start()
    await eventually(lambda: bench.world.post.sent("ann@example.com"))
    await eventually(lambda: bench.world.post.sent("bo@example.com"))
    await bench.until("bo@example.com", State.EMAIL_UNVERIFIED)
    await bench.migration.verify("bo@example.com", by={})
    await eventually(lambda: bench.world.post.sent("bo@example.com", Purpose.AUTHENTICATION))
    bench.world.atlassian.account("bo@example.com", verified=True)
    bench.world.atlassian.account("ann@example.com", verified=True)
    from datetime import timedelta

    await bench.skip(timedelta(minutes=20))
    print(await bench.handle.result())
    print((await bench.migration.status()).model_dump_json(indent=1))
    print((await bench.person("bo@example.com")).timeline)
