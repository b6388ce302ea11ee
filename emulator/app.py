"""The emulator as one ASGI application."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware

from emulator import control, opsgenie, organizations, pages, provisioning, sites
from emulator.faults import Fault, Traffic
from emulator.limits import Limits
from emulator.store import Store


def build(database: Path) -> Starlette:
    """Return the application on this SQLite file, which is created if it is not there."""
    store = Store(database)
    faults, limits = list[Fault](), Limits()
    app = Starlette(
        routes=[
            *opsgenie.ROUTES,
            *organizations.ROUTES,
            *provisioning.ROUTES,
            *sites.ROUTES,
            *pages.ROUTES,
            *control.ROUTES,
        ],
        middleware=[Middleware(Traffic, store=store, faults=faults, limits=limits)],
        exception_handlers={
            opsgenie.OpsgenieError: opsgenie.refuse,
            organizations.OrganizationError: organizations.refuse,
        },
    )
    app.state.store, app.state.faults, app.state.limits = store, faults, limits
    return app
