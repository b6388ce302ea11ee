"""All commands by name: what each is for, and where it stands."""

from typing import NamedTuple

PROGRAM = "./starter.py"
HELP_FLAGS = ("--help", "-h")


class Command(NamedTuple):
    """A command that is imported when it is called."""

    name: str
    path: str
    """`module:function`, the module under `cli`."""
    help: str
    """Shown by `--help`; the first line also in the list of all commands (`cli.overview`)."""


COMMANDS = {
    "Before it": (
        Command(
            "check",
            "check:check",
            "Look whether every neighbour is well, and what to do.\n\n"
            "One line for each: Temporal, encryption, mail, Opsgenie, Atlassian, the portal. Run it with the settings "
            "of a worker; it changes nothing, sends nothing, and needs no migration.",
        ),
        Command(
            "plan",
            "plan:plan",
            "Say what a migration would do, and what stops it.\n\n"
            "A dry run, for each person and with the reason: it reads from Opsgenie (or a file) and Atlassian and "
            "changes nothing anywhere. Run it with the settings of a worker; it needs no Temporal. Its digest is for "
            "start --plan: with another roster, nothing is started then.",
        ),
    ),
    "A migration": (
        Command(
            "start",
            "start:start",
            "Start the migration of an Opsgenie account.\n\n"
            "Who is to move is read from Opsgenie, or from a file. Without a site, Landbridge lists the initiator's "
            "sites and waits until you choose one. Starting it again while it runs changes nothing: it shows how it "
            "stands, and goes on with handing out a roster file.",
        ),
        Command("status", "status:status", "Show how a migration stands, and what waits for you."),
        Command("list", "listing:show_list", "List all migrations."),
        Command("report", "report:report", "Show who made it, who did not, and what to do next for each."),
        Command(
            "audit",
            "audit:audit",
            "Show who asked what of a migration, and when.\n\nAlso of one that is over.",
        ),
    ),
    "Its people": (
        Command("people", "people:people", "List the people of a migration."),
        Command("person", "people:person", "Show one person: the state, how it came to it, and what is next."),
        Command("resend", "acts:resend", "Send the mail again, to some people or to everyone in a state."),
        Command(
            "verify",
            "acts:verify",
            "Record that someone's Opsgenie email is verified, by your word.\n\n"
            "They get the authentication email next. Works while no worker runs.",
        ),
        Command(
            "authenticate",
            "acts:authenticate",
            "Record that someone's Atlassian account is set up, by your word.\n\n"
            "They count as connected from then on. Works while no worker runs.",
        ),
        Command("exclude", "acts:exclude", "Take someone out of the migration."),
        Command(
            "correct-email",
            "acts:correct_email",
            "Give someone another address.\n\nWhoever holds it has yet to prove it, and gets the mails from then on.",
        ),
    ),
    "Its course": (
        Command("choose-site", "sites:choose_site", "Select an existing Atlassian site."),
        Command("name-site", "sites:name_site", "Name a new Atlassian site, to be created."),
        Command("confirm", "sites:confirm", "Report a task done that the migration waits for."),
        Command("pause", "course:pause", "Start nothing new until resumed: no accounts, no mails."),
        Command("resume", "course:resume", "Go on after a pause, or after mending what a neighbour refused."),
        Command(
            "refresh",
            "course:refresh",
            "Ask Opsgenie and Atlassian at once who joined, who verified, who has set up the account.\n\n"
            "They are asked now and then anyway.",
        ),
        Command("set-deadline", "course:set_deadline", "Set another deadline, or none."),
    ),
    "Its end": (
        Command(
            "cancel",
            "ending:cancel",
            "End a migration before its time: no more mail, no link works, owners and admins are told.\n\n"
            "Whoever is connected stays so; everyone else is left behind with the reason. With --undo, people whom "
            "Landbridge invited and who have not set up the account are removed from the Atlassian organization; undo "
            "does that later.",
        ),
        Command(
            "undo",
            "ending:undo",
            "Remove whom Landbridge invited and who has not accepted, after a migration was cancelled or failed.\n\n"
            "Whoever is connected stays so. A migration that runs is never touched.",
        ),
        Command(
            "forget",
            "ending:forget",
            "Delete everything that Temporal keeps of a migration that is over: people, timelines, audit, report.\n\n"
            "Save the report and the audit first. Mail servers, Opsgenie, Atlassian, logs and archives keep what they "
            "have.",
        ),
    ),
    "On this machine": (
        Command("demo", "local:demo", "Migrate a sample account, with everything that needs running on this machine."),
        Command("dev", "local:dev", "Run everything on this machine, for development, until Ctrl-C."),
    ),
}
