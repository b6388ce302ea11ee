"""The list of all commands, with their help texts."""

from typing import NamedTuple

PROGRAM = "./starter.py"


class Command(NamedTuple):
    """A command; its module is imported only when it is called."""

    name: str
    path: str
    """`module:function`; the module is in `landbridge.cli`."""
    help: str
    """The help text; its first line is also shown in the list of all commands."""


COMMANDS = {
    "Prepare": (
        Command(
            "check",
            "check:check",
            "Check all services and settings.\n\n"
            "Prints one line for each service (Temporal, mail, Opsgenie, Atlassian, the portal …) and how to fix it. "
            "Run it with the worker's settings. It changes nothing, sends no mail and needs no migration.",
        ),
        Command(
            "plan",
            "plan:plan",
            "Show what a migration would do, and what blocks it.\n\n"
            "A dry run: it reads from Opsgenie (or a file) and Atlassian, changes nothing, and shows for each person "
            "what would happen and why. Run it with the worker's settings; it does not need Temporal. Pass its digest "
            "to start --plan: then nothing is started if the roster has changed since.",
        ),
    ),
    "Migrate": (
        Command(
            "start",
            "start:start",
            "Start the migration of an Opsgenie account.\n\n"
            "Reads the people from Opsgenie, or from a file. Without a site, Landbridge lists the initiator's sites "
            "and waits until you choose one. It is safe to run start again: if the migration is already running, it "
            "shows the status, and completes an interrupted transfer of a roster file.",
        ),
        Command("status", "status:status", "Show the status of a migration and what needs your attention."),
        Command("list", "status:list_migrations", "List all migrations."),
        Command("report", "report:report", "Show who is connected, who is not, and what to do next."),
        Command(
            "audit",
            "report:audit",
            "Show who requested what in a migration, and when.\n\nAlso works after the migration has ended.",
        ),
    ),
    "People": (
        Command("people", "people:people", "List the people of a migration."),
        Command("person", "people:person", "Show one person: state, history and next step."),
        Command("resend", "people:resend", "Resend mails, to some people or to everyone in a state."),
        Command(
            "verify",
            "people:verify",
            "Record that a person's Opsgenie email address is verified.\n\n"
            "Your name is recorded with it. The person gets the authentication email next. Works without a worker.",
        ),
        Command(
            "authenticate",
            "people:authenticate",
            "Record that a person's Atlassian account is set up.\n\n"
            "Your name is recorded with it. The person is connected from then on. Works without a worker.",
        ),
        Command("exclude", "people:exclude", "Exclude a person from the migration."),
        Command(
            "correct-email",
            "people:correct_email",
            "Change a person's email address.\n\n"
            "Mails go to the new address from then on, and the person has to verify it.",
        ),
    ),
    "Control": (
        Command("choose-site", "control:choose_site", "Choose an existing Atlassian site."),
        Command("name-site", "control:name_site", "Name a new Atlassian site to create."),
        Command("confirm", "control:confirm", "Report that a task of yours is done."),
        Command("pause", "control:pause", "Pause a migration: no new accounts, no new mails."),
        Command(
            "resume",
            "control:resume",
            "Resume a paused migration.\n\n"
            "Also use it after you have fixed a problem for which Landbridge paused the migration.",
        ),
        Command(
            "refresh",
            "control:refresh",
            "Check Opsgenie and Atlassian for changes now.\n\n"
            "Reads who joined, who verified an email address and who set up an account. Landbridge also does this "
            "regularly on its own.",
        ),
        Command("set-deadline", "control:set_deadline", "Change or remove the deadline."),
    ),
    "Finish": (
        Command(
            "cancel",
            "finish:cancel",
            "Cancel a migration.\n\n"
            "No more mail is sent, all mailed links stop working, and owners and admins are notified. Connected people "
            "are not affected. Everyone else is left behind, with your reason in the report. With --undo, people whom "
            "Landbridge invited and who have not set up their account are also removed from the Atlassian "
            "organization; you can do that later with undo.",
        ),
        Command(
            "undo",
            "finish:undo",
            "Revoke open invitations of a cancelled or failed migration.\n\n"
            "Removes people from the Atlassian organization whom Landbridge invited and who have not set up their "
            "account. Connected people are not affected. A running migration is never touched.",
        ),
        Command(
            "forget",
            "finish:forget",
            "Delete the data of an ended migration from Temporal.\n\n"
            "Deletes people, timelines, audit and report: save the report and the audit first. Mail servers, Opsgenie, "
            "Atlassian, logs and backups keep their data.",
        ),
    ),
    "Local": (
        Command("demo", "local:demo", "Run a sample migration, with all services on this machine."),
        Command("dev", "local:dev", "Run all services on this machine until Ctrl-C."),
    ),
}
