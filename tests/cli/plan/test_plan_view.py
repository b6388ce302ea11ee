"""The plan on a terminal."""

import io

from rich.console import Console

from landbridge.cli import plan_view
from landbridge.domain.people import State
from landbridge.domain.plan import Blocker, BlockerKind, Plan, PlanLine, PlannedAction
from landbridge.domain.planner import Planner
from landbridge.domain.roster import RosterPerson
from tests.cli.conftest import EVIL

START = "./starter.py start acme --initiator olivia.owens@example.com --site acme-service"


def shown(plan: Plan) -> str:
    """Return the plan as rendered on a terminal of 80 columns."""
    screen = io.StringIO()
    console = Console(file=screen, width=80, markup=False, highlight=False)
    console.print(plan_view.render(plan, START), crop=False)
    return screen.getvalue()


def test_long_lists_of_people_are_truncated() -> None:
    """The output counts the remaining people and says how to list them."""
    planner = Planner()
    rows = [RosterPerson(email=f"person{number}@example.com", blocked=True) for number in range(500)]
    lines = [planner.take(row, None) for row in rows]
    screen = shown(Plan(opsgenie_account="acme", initiator="a@example.com", totals=planner.totals, people=lines))
    assert "person11@example.com" in screen
    assert "person12@example.com" not in screen
    assert "… and 488 more; -o csv lists all." in screen
    assert "500 are blocked in Opsgenie" in screen


def test_untrusted_names_are_safe_and_long_texts_wrap() -> None:
    """A name cannot control the terminal; a long sentence wraps."""
    line = PlanLine(
        email="eve@example.com",
        name=EVIL,
        role="user",
        action=PlannedAction.INVALID,
        state=State.ATTENTION,
        email_verified=False,
        sso=False,
        reason=f"{EVIL} {'word ' * 40}end",
    )
    stop = Blocker(kind=BlockerKind.ROSTER, message=f"{EVIL} {'long ' * 40}finish")
    plan = Plan(opsgenie_account="acme", initiator="a@example.com", people=[line], blockers=[stop])
    screen = shown(plan)
    assert not set("\x1b\u202e") & set(screen)
    assert "[bold]Eve[/bold]" in screen
    assert "end" in screen
    assert "finish" in screen
    assert max(map(len, screen.splitlines())) <= 80
    assert "--plan" not in screen


def test_the_start_command_is_never_wrapped() -> None:
    """A line break in a copied command would start the migration without the digest."""
    plan = Plan(opsgenie_account="acme", initiator="a@example.com", digest="a14695ea774fc80c")
    assert f"\n{START} --plan a14695ea774fc80c\n" in shown(plan)
