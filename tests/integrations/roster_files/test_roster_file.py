"""Roster files are read completely, and every problem is reported with its row."""

import csv
import io
import json
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge import i18n
from landbridge.domain import names
from landbridge.domain.errors import BadInput
from landbridge.domain.roster import ProblemKind, RosterPerson, survey
from landbridge.integrations.roster_files import rows
from landbridge.integrations.roster_files.reader import MAX_SIZE, read
from landbridge.integrations.roster_files.rows import Reading

OWNER_LINE = "olga@example.com,Olga Owner,owner"
HEADER = "email,name,role"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for roster files."""
    return tmp_path_factory.mktemp("rosters")


def _read(folder: Path, content: str | bytes) -> Reading:
    path = folder / "roster"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path)


def _read_lines(folder: Path, *lines: str, header: str = HEADER) -> Reading:
    """Read a roster with an owner on line 2, and `lines` from line 3 on."""
    return _read(folder, "\n".join([header, OWNER_LINE, *lines]) + "\n")


def _reported(reading: Reading) -> list[tuple[int, ProblemKind]]:
    return [(problem.row, problem.kind) for problem in reading.problems]


def _refusal(folder: Path, content: str | bytes) -> str:
    with pytest.raises(BadInput) as refused:
        _read(folder, content)
    return str(refused.value)


class TestCsv:
    """CSV files, written by spreadsheet programs or by hand."""

    def test_every_column_is_read(self, folder: Path) -> None:
        """Headings may have any case and order, with spaces or hyphens. Values may have any common spelling."""
        people, problems = _read(
            folder,
            "Role,E-Mail,NAME,Email Verified,blocked,SSO,Locale\n"
            "Owner, Ann@EXAMPLE.com ,  Ann   Lee ,TRUE,no,1,de_DE\n"
            ",bo@example.com,,,,,\n",
        )
        assert problems == []
        assert people == [
            RosterPerson(
                email="Ann@example.com", name="Ann Lee", role="owner", email_verified=True, sso=True, locale="de_DE"
            ),
            RosterPerson(email="bo@example.com"),
        ]

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_delimiters_line_ends_and_encodings_are_detected(
        self, folder: Path, delimiter: str, line_end: str, encoding: str
    ) -> None:
        """All variants that spreadsheet programs write are detected."""
        lines = [HEADER, "zoë@example.com,Zoë 象,owner", "bo@example.com,Bo,user"]
        people, problems = _read(folder, line_end.join(lines).replace(",", delimiter).encode(encoding))
        assert problems == []
        assert [(person.email, person.name) for person in people] == [
            ("zoë@example.com", "Zoë 象"),
            ("bo@example.com", "Bo"),
        ]

    def test_csv_rows_are_numbered_by_line(self, folder: Path) -> None:
        """Numbers stay correct after blank lines and after names that span two lines."""
        people, problems = _read_lines(folder, "", ",,", '"bo@example.com","Bo\nBerg",user', "nobody,No Body,user")
        assert [problem.row for problem in problems] == [7]
        assert people[1].name == "Bo Berg"

    def test_empty_fields_at_the_end_are_ignored(self, folder: Path) -> None:
        """Spreadsheet programs leave delimiters where columns used to be."""
        assert _read(folder, f"{HEADER},,\n{OWNER_LINE},,\nbo@example.com,Bo,user,\n").problems == []

    @pytest.mark.parametrize(
        "above, delimiter",
        [
            ("sep=;\r\n", ";"),
            ("SEP=,\n", ","),
            ('"sep=|"\n', "|"),
            ("sep=\t\r\n", "\t"),
            ("#TYPE Selected.Microsoft.ActiveDirectory.Management.ADUser\r\n", ","),
            ("\n \n", ","),
        ],
    )
    def test_lines_above_the_header_are_skipped(self, folder: Path, above: str, delimiter: str) -> None:
        """Excel declares the delimiter, PowerShell the row type, and people leave blank lines. Rows count them."""
        lines = [HEADER, OWNER_LINE, "bo@example.com,Bo,king"]
        people, problems = _read(folder, above + "\n".join(lines).replace(",", delimiter))
        assert [person.email for person in people] == ["olga@example.com", "bo@example.com"]
        assert [problem.row for problem in problems] == [above.count("\n") + 3]

    def test_a_declared_delimiter_is_used(self, folder: Path) -> None:
        """The declaration wins even if another delimiter would give more columns."""
        assert "'email,name,role' is not known" in _refusal(folder, f"sep=;\n{HEADER}\n{OWNER_LINE}\n")

    @pytest.mark.parametrize("header", ["username" + "," * 80_000, "," * 80_000 + "email", "username" + ",x" * 80_000])
    def test_a_header_with_thousands_of_columns_is_fast(self, folder: Path, header: str) -> None:
        """Empty headings at the end take linear time. The number of other headings is limited."""
        began = time.process_time()
        with suppress(BadInput):
            _read(folder, f"{header}\n")
        assert time.process_time() - began < 5  # it took 43 seconds before the limit

    @pytest.mark.parametrize("line", ["bo@example.com,Bo", "bo@example.com,Bo,user,more", "bo@example.com;Bo;user"])
    def test_a_row_with_the_wrong_number_of_fields_is_reported(self, folder: Path, line: str) -> None:
        """A row with too few fields, too many, or another delimiter does not affect other rows."""
        people, problems = _read_lines(folder, line, "cy@example.com,Cy,user")
        assert _reported(Reading(people, problems)) == [(3, ProblemKind.MISSING)]
        assert ("semicolons" in problems[0].message) == (";" in line)
        assert [bool(person.problem) for person in people] == [False, True, False]
        assert i18n.negotiate("de").render(people[1].problem).startswith("die Zahl der Felder in der Zeile ist")

    @pytest.mark.parametrize(
        "header, sentence",
        [
            ("olga@example.com,Olga,owner", "is not known"),
            ("name,role", "one of which must be 'email'"),
            ("emial,name", "did you mean 'email'"),
            ("email,verifed", "did you mean 'email_verified'"),
            ("username,verifed", "did you mean 'email_verified'"),
            ("email,phone", "'phone' is not known; remove it"),
            ("Email address,Name", "'Email address' is not known; did you mean 'email'?"),
            ("E-Mail-Adresse,Name", "'E-Mail-Adresse' is not known; did you mean 'email'?"),
            ("Mail,Display name", "'Mail' is not known; did you mean 'email'?"),
            ("email,Display name", "'Display name' is not known; did you mean 'name'?"),
            ("sep=^", "'^' separates its columns; use one of commas, semicolons"),
            ("email,Email", "Two columns give 'email'"),
            ("email,username", "Two columns give 'email'"),
            ("email,,name", "'' is not known"),
        ],
    )
    def test_a_wrong_header_rejects_the_file(self, folder: Path, header: str, sentence: str) -> None:
        """A column may be missing, duplicate, unknown or misspelt. The message says what to change."""
        assert sentence in _refusal(folder, f"{header}\nbo@example.com,Bo\n")

    @pytest.mark.parametrize(
        "line, sentence",
        [
            ('"bo@example.com,Bo,user', "Row 3 opens a quote that is never closed"),
            ('"bo@example.com"x,Bo,user', "Row 3 has text after a closing quote"),
            (f"bo@example.com,{'x' * 140_000},user", "Row 3 has a field of more than 131072 characters"),
            (f'bo@example.com,"{"x" * 200_000}', "Row 3 has a field of more than 131072 characters"),
        ],
    )
    def test_unbalanced_quotes_reject_the_file(self, folder: Path, line: str, sentence: str) -> None:
        """After an unbalanced quote, it is unknown where the next rows begin."""
        assert sentence in _refusal(folder, f"{HEADER}\n{OWNER_LINE}\n{line}\ncy@example.com,Cy,user\n")

    def test_an_opsgenie_export_is_read_unedited(self, folder: Path) -> None:
        """The export's other columns are ignored, and its custom roles are accepted."""
        people, problems = _read(
            folder,
            "username,fullName,role,verified,timeZone\nann@example.com,Ann,Owner,true,Europe/Paris\n"
            "bo@example.com,Bo,Night Shift,false,Asia/Tokyo\n",
        )
        assert problems == []
        assert [(person.name, person.role, person.email_verified) for person in people] == [
            ("Ann", "owner", True),
            ("Bo", "night shift", False),
        ]

    @given(
        st.lists(
            st.tuples(
                st.from_regex(r"[a-z]{1,10}", fullmatch=True),
                st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), max_size=20),
                st.booleans(),
            ),
            min_size=1,
            max_size=20,
            unique_by=lambda row: row[0],
        )
    )
    def test_csv_round_trip(self, folder: Path, rows: list[tuple[str, str, bool]]) -> None:
        """The csv module writes names with any quotes and delimiters, and the reader returns the same names."""
        written = io.StringIO()
        writer = csv.writer(written)
        writer.writerow(["email", "name", "role", "blocked"])
        writer.writerows([f"{name}@example.com", full_name, "admin", blocked] for name, full_name, blocked in rows)
        people, problems = _read(folder, written.getvalue())
        assert problems == []
        assert [(person.email, person.blocked) for person in people] == [(f"{n}@example.com", b) for n, _, b in rows]
        assert all(bool(person.name) == names.is_visible(row[1]) for person, row in zip(people, rows, strict=True))


class TestRows:
    """A problem of one person does not hide the problems of others."""

    @pytest.mark.parametrize(
        "first, second",
        [
            ("ann@example.com", "ANN@example.com"),
            ("ann@example.com", "  ann@Example.COM "),
            ("ann@bücher.example", "ann@xn--bcher-kva.example"),
            ("ann@bücher.example", "ann@BÜCHER.example"),
            ("zo\u00eb@example.com", "zoe\u0308@example.com"),
            ("ann@example.com", "ann@\uff45xample.com"),
        ],
    )
    def test_a_duplicate_mailbox_is_reported_with_both_rows(self, folder: Path, first: str, second: str) -> None:
        """Addresses are compared by case, spaces, punycode and Unicode form. The first row is used."""
        reading = _read_lines(folder, f"{first},A,user", "bo@example.com,Bo,user", f"{second},B,user")
        assert _reported(reading) == [(5, ProblemKind.DUPLICATE)]
        assert "row 3" in reading.problems[0].message
        assert [bool(person.problem) for person in reading.people] == [False, False, False, True]

    @pytest.mark.parametrize(
        "first, second",
        [
            ("ann@example.com", "ann+ops@example.com"),
            ("ann@example.com", "ann@sub.example.com"),
            ("ann@fass.example", "ann@faß.example"),
        ],
    )
    def test_different_mailboxes_are_not_duplicates(self, folder: Path, first: str, second: str) -> None:
        """A +tag or another domain makes another mailbox."""
        assert _read_lines(folder, f"{first},A,user", f"{second},B,user").problems == []

    @pytest.mark.parametrize(
        "address",
        [
            "nobody",
            "a@b@example.com",
            "@example.com",
            "ann@",
            "ann@localhost",
            "ann@127.0.0.1",
            "ann@[127.0.0.1]",
            "Ann Lee <ann@example.com>",
            "ann@example.com;bo@example.com",
            '"ann lee"@example.com',
            "ann lee@example.com",
            "ann@exa mple.com",
            "ann@example..com",
            "ann@-example.com",
            ".ann@example.com",
            "ann@xn--zzzzzzzz.example",
            "ann@example.com\r\nBcc: bo@example.com",
            "ann@example.com,bo@example.com",
            "ann\u202e@example.com",
            "ann\u200b@example.com",
            "ann@example.invalid",
            f"{'a' * 65}@example.com",
            f"{'é' * 33}@example.com",
            f"ann@{'a' * 64}.com",
            f"ann@{'a.' * 125}com",
            "a" * 5000,
        ],
    )
    def test_an_unusable_address_is_reported(self, folder: Path, address: str) -> None:
        """An address must be one mailbox that can receive mail. The original value is kept for display."""
        quoted = address.replace('"', '""')
        reading = _read_lines(folder, f'"{quoted}",Ann,user', "bo@example.com,Bo,user")
        assert _reported(reading) == [(3, ProblemKind.INVALID_ADDRESS)]
        assert [person.email for person in reading.people[1:]] == [address, "bo@example.com"]
        assert reading.people[1].problem

    def test_a_missing_address_is_reported(self, folder: Path) -> None:
        """Two rows without an address do not count as duplicates."""
        reading = _read_lines(folder, ",Ann,user", " ,Bo,user")
        assert _reported(reading) == [(3, ProblemKind.MISSING), (4, ProblemKind.MISSING)]

    @pytest.mark.parametrize(
        "role, hint",
        [("onwer", "did you mean 'owner'?"), ("ad min", "did you mean 'admin'?"), ("night shift", "“custom: ")],
    )
    def test_an_unknown_role_is_reported(self, folder: Path, role: str, hint: str) -> None:
        """A typo would remove an owner's rights, so a custom role must be marked as such."""
        reading = _read_lines(folder, f"ann@example.com,Ann,{role}")
        assert _reported(reading) == [(3, ProblemKind.UNKNOWN_VALUE)]
        assert hint in reading.problems[0].message

    def test_known_and_custom_roles_are_accepted(self, folder: Path) -> None:
        """Opsgenie's five roles are accepted in any case, and custom roles if they are marked."""
        roles = ["OWNER", "Admin", "user", "Stakeholder", " observer ", "custom:Night  Shift", "Custom: Lead"]
        people, problems = _read_lines(folder, *(f"p{n}@example.com,P,{role}" for n, role in enumerate(roles)))
        assert problems == []
        assert [person.role for person in people[1:]] == [
            "owner",
            "admin",
            "user",
            "stakeholder",
            "observer",
            "night shift",
            "lead",
        ]

    @pytest.mark.parametrize("column", ["email_verified", "blocked", "sso"])
    @pytest.mark.parametrize("word", ["maybe", "2", "tru", "-"])
    def test_an_unknown_boolean_is_reported(self, folder: Path, column: str, word: str) -> None:
        """A value that is neither yes nor no must not count as no."""
        reading = _read(folder, f"email,role,{column}\nolga@example.com,owner,yes\nbo@example.com,user,{word}\n")
        assert _reported(reading) == [(3, ProblemKind.UNKNOWN_VALUE)]
        assert f"'{column}'" in reading.problems[0].message

    @pytest.mark.parametrize("line", [f"b@example.com,{'x' * 513},user", "b@example.com,Bo\x07,user"])
    def test_an_unusable_name_is_reported(self, folder: Path, line: str) -> None:
        """A name is unusable if it is too long for Opsgenie or contains a control character."""
        assert _reported(_read_lines(folder, line)) == [(3, ProblemKind.UNKNOWN_VALUE)]

    @pytest.mark.parametrize(
        "name", ["\u200b", "\u00ad\u00ad", "\u3164", "\u2800 \u2060", "\u034f", "\ufe0f", "\u3000"]
    )
    def test_an_invisible_name_is_empty(self, folder: Path, name: str) -> None:
        """An invisible name would be a link without text, so lists and greetings use the address instead."""
        people, problems = _read_lines(folder, f"bo@example.com,{name},user", f"cy@example.com,{name}Cy,user")
        assert problems == []
        assert people[1].name == ""
        assert people[2].name.endswith("Cy")

    def test_an_unusable_locale_is_reported(self, folder: Path) -> None:
        """A locale is a language, optionally with a country."""
        reading = _read(folder, "email,role,locale\nolga@example.com,owner,en\nbo@example.com,user,in English\n")
        assert _reported(reading) == [(3, ProblemKind.UNKNOWN_VALUE)]

    def test_all_problems_are_reported_together(self, folder: Path) -> None:
        """No problem is hidden until another one is fixed."""
        reading = _read_lines(folder, "nobody,Ann,king", "olga@example.com,Olga,user", ",Bo,user", "x,y")
        assert [row for row, _ in _reported(reading)] == [3, 3, 4, 5, 6]
        assert survey(reading.people).problems == 4

    def test_a_roster_without_owner_or_admin_is_reported(self, folder: Path) -> None:
        """Without an owner or admin, nobody may initiate the migration. The problem concerns the whole file."""
        reading = _read(folder, "email\nann@example.com\n")
        assert _reported(reading) == [(0, ProblemKind.MISSING)]

    def test_an_owner_with_an_unusable_row_does_not_count(self, folder: Path) -> None:
        """An initiator must be reachable."""
        assert (0, ProblemKind.MISSING) in _reported(_read(folder, "email,role\nnobody,owner\nann@example.com,user\n"))


class TestJson:
    """JSON files with lists of objects."""

    def test_own_column_names_are_keys(self, folder: Path) -> None:
        """Keys are the columns of the CSV. Values are booleans or words."""
        people, problems = _read(
            folder,
            json.dumps(
                [
                    {"email": "ann@example.com", "name": "Ann", "role": "owner", "email_verified": True, "sso": "yes"},
                    {"email": "bo@example.com", "name": None, "blocked": True},
                ]
            ),
        )
        assert problems == []
        assert people == [
            RosterPerson(email="ann@example.com", name="Ann", role="owner", email_verified=True, sso=True),
            RosterPerson(email="bo@example.com", blocked=True),
        ]

    def test_users_of_the_opsgenie_api_are_read(self, folder: Path) -> None:
        """Roles are objects, including custom roles. Other data is ignored."""
        user = {"id": "1", "username": "Ann@example.com", "fullName": "Ann", "role": {"id": "Owner", "name": "Owner"}}
        more = {"blocked": False, "verified": True, "locale": "en_US", "userAddress": {"city": ""}, "tags": []}
        other = {"username": "bo@example.com", "fullName": "Bo", "role": {"id": "x", "name": "Night Shift"}}
        people, problems = _read(folder, json.dumps([user | more, other]))
        assert problems == []
        assert people == [
            RosterPerson(email="Ann@example.com", name="Ann", role="owner", email_verified=True, locale="en_US"),
            RosterPerson(email="bo@example.com", name="Bo", role="night shift"),
        ]

    def test_json_rows_are_numbered_by_place(self, folder: Path) -> None:
        """Objects without an address, wrong types, and elements that are not objects are reported with their place."""
        owner = {"email": "olga@example.com", "role": "owner"}
        wrong = [
            {"name": "Ann"},
            7,
            {"email": 7},
            {"email": "bo@example.com", "blocked": 1},
            {"email": "OLGA@example.com"},
        ]
        reading = _read(folder, json.dumps([owner, *wrong]))
        assert _reported(reading) == [
            (2, ProblemKind.MISSING),
            (3, ProblemKind.MISSING),
            (4, ProblemKind.UNKNOWN_VALUE),
            (5, ProblemKind.UNKNOWN_VALUE),
            (6, ProblemKind.DUPLICATE),
        ]

    def test_empty_lines_before_json_are_allowed(self, folder: Path) -> None:
        """Errors still name the line in the file."""
        assert _read(folder, '\n  \n [{"email": "olga@example.com", "role": "owner"}]').problems == []
        assert "Line 3, column 3 is not JSON" in _refusal(folder, "\n\n [")

    @pytest.mark.parametrize("element", ["{}", "7", "[]", '{"email": ""}'])
    def test_a_file_that_is_not_a_roster_takes_little_memory(self, folder: Path, element: str) -> None:
        """A million invalid elements are rejected after ten thousand problems. The message shows the first of them."""
        content = f"[{','.join([element] * 1_000_000)}]"
        tracemalloc.start()
        try:
            sentence = _refusal(folder, content)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert sentence.startswith("The file has more than 10,000 problems")
        assert "Row 1: " in sentence
        assert peak < 60 * 1024**2 + 4 * len(content)

    @pytest.mark.parametrize(
        "text, sentence",
        [
            ("[", "Line 1, column 2 is not JSON"),
            ('[\n{"email": "ann@example.com"},\n]', "Line 3"),
            ("[]", "names nobody"),
            ("", "empty"),
            ("[{}] {}", "column 6 is not JSON: Extra data"),
            ("[{} {}]", "column 5 is not JSON: Expecting ','"),
            ("[{}", "column 4 is not JSON: Expecting ','"),
            ('{"data": [], "paging": {}}', "list of people"),
            ("[" * 100_000, "nested too deeply"),
            (f"[{'9' * 5000}]", "thousands of digits"),
            ('[{"email": "a@example.com", "email": "b@example.com"}]', "same key twice"),
            ('[{"email": "a@example.com"}, {"emial": "b@example.com"}]', "Row 2: The column 'emial' is not known; did"),
            ('[{"email": "a@example.com", "phone": "1"}]', "Row 1: The column 'phone'"),
            ('[{"email": "a@example.com", "name": "\\ud800"}]', "surrogate"),
        ],
    )
    def test_invalid_json_rejects_the_file(self, folder: Path, text: str, sentence: str) -> None:
        """The message names the position and the reason."""
        assert sentence in _refusal(folder, text)


class TestFiles:
    """The file as a whole: encodings, sizes and file types."""

    @pytest.mark.parametrize(
        "content, sentence",
        [
            (b"", "empty"),
            (b"\n\n", "empty"),
            (b"\xef\xbb\xbf", "empty"),
            (b"sep=;\n", "no line that names the columns"),
            (b"email,name\n", "names nobody"),
            (b"email,name\n,\n\n", "names nobody"),
            ("email,name\na@example.com,A\nz@example.com,Zoë\n".encode("cp1252"), "Line 3 is not UTF-8"),
            ("email,name\ra@example.com,A\rz@example.com,Zoë\r".encode("cp1252"), "Line 3 is not UTF-8"),
            (b"email,name\na@example.com,A\x00\n", "Line 2 holds a NUL"),
            ("email\na@example.com\n".encode("utf-16-le"), "Line 1 holds a NUL"),
            ("email\na@example.com\n".encode("utf-16")[:-1], "damaged"),
        ],
    )
    def test_an_unreadable_file_is_one_sentence(self, folder: Path, content: bytes, sentence: str) -> None:
        """The file may be empty, damaged or in another encoding. The message names the line if possible."""
        assert sentence in _refusal(folder, content)

    @pytest.mark.parametrize("start", [b"PK\x03\x04\x14\0\x06\0", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
    def test_a_workbook_is_rejected_with_advice(self, folder: Path, start: bytes) -> None:
        """Spreadsheet programs save workbooks by default, so users will pass them."""
        assert "export the sheet with the people (File, Save As, “CSV UTF-8”)" in _refusal(folder, start + bytes(100))

    def test_the_number_of_people_is_limited(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The limit is checked while the file is read."""
        monkeypatch.setattr(rows, "MAX_PEOPLE", 2)
        assert _read_lines(folder, "bo@example.com,Bo,user").problems == []
        with pytest.raises(BadInput, match="more than 2 people"):
            _read_lines(folder, "bo@example.com,Bo,user", "cy@example.com,Cy,user")

    def test_a_wrong_byte_is_reported_with_its_line(self, folder: Path) -> None:
        """The line is correct even far down in a long file."""
        content = (
            b"email\r\n" + b"".join(b"a%d@example.com\r\n" % row for row in range(20_000)) + b"z\xeb@example.com\r\n"
        )
        assert "Line 20002 is not UTF-8" in _refusal(folder, content)

    def test_an_endless_file_is_not_read(self, folder: Path) -> None:
        """The size is limited, because an endless file would use all memory."""
        endless = folder / "endless"
        with endless.open("wb") as file:
            file.truncate(MAX_SIZE + 1)
        with pytest.raises(BadInput, match="256 MiB"):
            read(endless)

    @pytest.mark.parametrize(
        "path, sentence",
        [
            ("http://127.0.0.1:9/roster.csv", "There is no file"),
            ("/dev/zero", "is a device"),
            ("file:///etc/passwd", "There is no file"),
        ],
    )
    def test_only_files_are_read(self, path: str, sentence: str) -> None:
        """URLs are not fetched, and devices are not read."""
        with pytest.raises(BadInput, match=sentence):
            read(Path(path))

    def test_a_missing_file_is_one_sentence(self, folder: Path) -> None:
        """A folder gets a different message."""
        for path, sentence in ((folder / "nothing", "There is no file"), (folder, "is a folder: name a file")):
            with pytest.raises(BadInput, match=sentence):
                read(path)

    @given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
    def test_any_bytes_are_read_or_refused(self, folder: Path, content: bytes) -> None:
        """The result is people or a `BadInput`, and no other error."""
        with suppress(BadInput):
            assert _read(folder, content).people

    @given(st.lists(st.text(max_size=30), max_size=5))
    def test_any_rows_are_accepted_or_reported(self, folder: Path, rows: list[str]) -> None:
        """With a valid header, every row is accepted or is a problem with its row number."""
        written = io.StringIO(newline="")
        csv.writer(written).writerows([[row] for row in ["email", *rows]])
        try:
            people, problems = _read(folder, written.getvalue())
        except BadInput:
            return
        assert len(people) <= len(rows)
        assert sum(bool(person.problem) for person in people) <= len(problems)
