"""``archiver check SPEC``: specs are judged before any network use, by file and line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from servers.console import Console

ROOT = Path(__file__).resolve().parents[2]
GOOD = """\
project: sample
docs:
  - name: docs
    seeds: [http://127.0.0.1:9/]
images:
  platforms: [linux/amd64]
  refs:
    - docker.io/library/alpine:3
"""

# name -> (the spec, the line of the problem, words that must be in the message)
BAD = {
    "unknown-key": (GOOD.replace("docs:\n", "docz: 1\ndocs:\n"), 2, ["docz"]),
    "unknown-nested-key": (GOOD.replace("  platforms:", "  platfroms:"), 6, ["platfroms"]),
    "wrong-type": (GOOD.replace("seeds: [http://127.0.0.1:9/]", "seeds: 7"), 4, ["seeds"]),
    "wrong-type-of-item": (GOOD.replace("- docker.io/library/alpine:3", "- 3"), 8, ["refs"]),
    "duplicate-name": (
        GOOD.replace("images:\n", "  - name: docs\n    seeds: [http://127.0.0.1:9/b/]\nimages:\n"),
        None,
        ["docs"],
    ),
    "duplicate-key": (GOOD + "project: again\n", 9, ["project"]),
    "unparsable-reference": (GOOD.replace("alpine:3", "Al pine:3"), 8, ["Al pine"]),
    "unparsable-digest": (GOOD.replace("alpine:3", "alpine@sha256:00"), 8, ["digest"]),
    "no-http-url": (GOOD.replace("http://127.0.0.1:9/", "ftp://127.0.0.1/"), 4, ["seeds", "http"]),
    "bad-platform": (GOOD.replace("linux/amd64", "linux"), 6, ["linux"]),
    "bad-project": (GOOD.replace("project: sample", "project: ../sample"), 1, ["project"]),
    "missing-project": (GOOD.replace("project: sample\n", ""), None, ["project"]),
    "nothing-to-archive": ("project: sample\n", None, ["docs"]),
    "yaml-syntax": (GOOD.replace("[linux/amd64]", "[linux/amd64"), None, []),
    "bad-tag-rule": (
        GOOD + "  repositories:\n    - repository: redis\n      tags: ['7.*', 're:[']\n",
        11,
        ["re:[", "not a regular expression"],
    ),
    "bad-tag-range": (
        GOOD + "  repositories:\n    - repository: redis\n      exclude: '>=7 <eight'\n      latest: 3\n",
        11,
        [">=7 <eight"],
    ),
    "no-tags-chosen": (GOOD + "  repositories:\n    - repository: redis\n", 10, ["which tags to take"]),
    "repository-with-a-tag": (
        GOOD + "  repositories:\n    - repository: redis:7\n      latest: 1\n",
        10,
        ["redis:7"],
    ),
    "mirror-with-a-scheme": (
        GOOD + "registries:\n  docker.io:\n    mirrors:\n      - https://mirror.example.org\n",
        12,
        ["https://mirror.example.org"],
    ),
    "half-a-client-certificate": (
        GOOD + "registries:\n  a.example.org:\n    tls:\n      cert: a.pem\n",
        12,
        ["cert", "key"],
    ),
    "file-and-index": (
        GOOD + "files:\n  - url: http://a.example.org/x\n    index: http://a.example.org/\n",
        10,
        ["url", "index"],
    ),
    "empty": ("", None, []),
    "not-a-mapping": ("- project\n", 1, []),
    "a-tag-that-runs-code": ("project: !!python/object/apply:os.getcwd []\n", 1, []),
}


def test_a_good_spec_is_accepted(console: Console) -> None:
    """A valid spec ends with exit code 0 and a word about it."""
    outcome = console.succeed("check", console.write("sample.yaml", GOOD))
    assert "sample.yaml" in outcome.out


def test_the_shipped_spec_is_valid(console: Console) -> None:
    """specs/kubesphere.yaml, the project's reason to be, is valid."""
    console.succeed("check", ROOT / "specs" / "kubesphere.yaml")


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("verb", ["check", "archive"])
def test_a_bad_spec_is_refused_with_file_and_line(console: Console, verb: str, case: str) -> None:
    """A bad spec ends with exit code 2, the file, the line and what is wrong, and nothing is archived."""
    text, line, words = BAD[case]
    spec = console.write("bad.yaml", text)
    outcome = console.run(verb, spec)
    assert outcome.code == 2, outcome.said
    places = [int(number) for number in re.findall(r"bad\.yaml:(\d+)", outcome.err)]
    assert places, outcome.err
    if line is not None:
        assert line in places, outcome.err
    for word in words:
        assert word in outcome.err
    assert not (console.folder / "archives").exists()


def test_a_problem_comes_with_a_hint(console: Console) -> None:
    """A mistyped key is answered with the key that was probably meant."""
    outcome = console.run("check", console.write("bad.yaml", GOOD.replace("project:", "projct:")))
    assert outcome.code == 2
    assert "hint" in outcome.err
    assert re.search(r"\bproject\b", outcome.err)


def test_all_problems_are_told_at_once(console: Console) -> None:
    """Two mistakes in one spec are both reported, each with its line."""
    text = GOOD.replace("alpine:3", "Al pine:3").replace("http://127.0.0.1:9/", "nothing")
    outcome = console.run("check", console.write("bad.yaml", text))
    assert outcome.code == 2
    assert {"4", "8"} <= set(re.findall(r"bad\.yaml:(\d+)", outcome.err))


def test_a_missing_spec_is_a_usage_error(console: Console) -> None:
    """A spec that does not exist ends with exit code 2 and its name."""
    outcome = console.run("check", "nowhere.yaml")
    assert outcome.code == 2
    assert "nowhere.yaml" in outcome.err


def test_several_specs_are_all_checked(console: Console) -> None:
    """One bad spec among good ones gives exit code 2, and --json says which."""
    good, bad = console.write("good.yaml", GOOD), console.write("bad.yaml", GOOD + "colour: red\n")
    outcome = console.run("check", "--json", good, bad)
    assert outcome.code == 2
    assert [entry["valid"] for entry in outcome.json] == [True, False]


def test_an_image_list_beside_the_spec_is_checked(console: Console) -> None:
    """An unparsable line of a local image list is told with the list's own file and line."""
    console.write("list.txt", "##core\nkubesphere/ks-installer:v3.1.0\nnot a reference\n")
    spec = console.write("sample.yaml", "project: sample\nimages:\n  lists: [list.txt]\n")
    outcome = console.run("check", spec)
    assert outcome.code == 2
    assert "list.txt:3" in outcome.err


EVERYTHING = """\
project: sample
contact: keeper@example.org
images:
  platforms: all
  repositories:
    - repository: quay.io/a/app
      tags: ['v3.*', '>=2.1 <3']
      latest: 3
    - repository: redis
      latest: 1
registries:
  docker.io:
    mirrors: [harbor.example.org]
  harbor.example.org:
    tls:
      ca: none.pem
    auth: {username: "${HARBOR_USER}", password: "${HARBOR_PASSWORD}"}
files:
  - index: https://example.org/releases/
    include: '*.tar.gz'
    checksums: SHA256SUMS
"""


def test_what_a_spec_asks_for_is_counted(console: Console) -> None:
    """A line counts what there is, in words and as JSON; files that are missing for TLS, and variables, are warned of."""
    spec = console.write("sample.yaml", EVERYTHING)
    outcome = console.succeed("check", spec)
    assert outcome.out.rstrip().endswith("valid; 2 image repositories, 2 registries, 1 index page")
    assert "sample.yaml:16: " in outcome.err
    assert "none.pem: No such file" in outcome.err
    assert "HARBOR_PASSWORD" in outcome.err
    summary = console.succeed("check", "--json", spec).json
    assert {key: summary[key] for key in ("images", "repositories", "lists", "registries", "files", "indexes")} == {
        "images": 0, "repositories": 2, "lists": 0, "registries": 2, "files": 0, "indexes": 1,
    }  # fmt: skip
    assert len(summary["warnings"]) == 3


def test_nothing_is_archived_while_a_file_for_tls_is_missing(console: Console) -> None:
    """Archiving needs it: without, it ends with exit code 2 and its line, before any request."""
    console.environment.update(HARBOR_USER="me", HARBOR_PASSWORD="secret")
    outcome = console.run("archive", console.write("sample.yaml", EVERYTHING))
    assert outcome.code == 2
    assert "sample.yaml:16: " in outcome.err
    assert not (console.folder / "archives").exists()


LOCKED = GOOD.replace("/]\n", "/]\n    headers: {X-Api-Key: '${DOCS_KEY}'}\n")


def test_what_a_valid_spec_lacks_is_a_warning(console: Console) -> None:
    """A spec without a contact, or whose variables are not set here, is valid; check says what is missing."""
    spec = console.write("sample.yaml", LOCKED)
    outcome = console.succeed("check", spec)
    assert "contact" in outcome.err
    assert "sample.yaml:5: the environment variable DOCS_KEY is not set" in outcome.err
    told = console.succeed("check", "--json", spec).json["warnings"]
    assert [warning["place"].rpartition(":")[2] for warning in told] == ["1", "5"]


def test_nothing_is_archived_while_a_variable_is_not_set(console: Console) -> None:
    """Archiving needs the values: without one it ends with exit code 2, its name and its line, and no request."""
    outcome = console.run("archive", console.write("sample.yaml", LOCKED))
    assert outcome.code == 2
    assert "sample.yaml:5: the environment variable DOCS_KEY is not set" in outcome.err
    assert not (console.folder / "archives").exists()


def test_a_credential_in_a_spec_is_refused(console: Console) -> None:
    """A literal password or key is an error with its line and the way to write it, and is not repeated."""
    outcome = console.run("check", console.write("bad.yaml", LOCKED.replace("${DOCS_KEY}", "hunter2")))
    assert outcome.code == 2
    assert "bad.yaml:5" in outcome.err
    assert "${NAME}" in outcome.err
    assert "hunter2" not in outcome.said


def test_no_command_is_a_usage_error(console: Console) -> None:
    """Without a command, or with one that does not exist, the exit code is 2."""
    assert console.run().code == 2
    assert console.run("fly").code == 2


def test_help_and_version_succeed(console: Console) -> None:
    """--help lists the verbs and --version tells the version, both with exit code 0."""
    listed = console.succeed("--help").out
    for verb in ("check", "schema", "archive", "bundle", "verify", "serve", "search", "demo"):
        assert re.search(rf"^ +{verb} ", listed, re.MULTILINE), verb
    assert re.search(r"\d+\.\d+", console.succeed("--version").out)


def test_a_folder_of_specs_is_checked_as_a_refresh_would(console: Console) -> None:
    """Each spec in it by itself, and that no two have one project; a folder without any is told as such."""
    for name in ("b.yaml", "a.yml", "c.txt", ".hidden.yaml"):
        console.write(f"specs/{name}", GOOD.replace("sample", name[0] if name[0] != "." else "d"))
    checked = console.run("check", "specs/")
    assert checked.code == 0
    assert [line.partition(":")[0] for line in checked.out.splitlines()] == ["specs/a.yml", "specs/b.yaml"]
    console.write("specs/a.yml", GOOD.replace("project: sample", "project: b"))
    console.write("specs/d.yaml", "projekt: d\n")
    checked = console.run("check", "specs", "missing", "--json")
    assert checked.code == 2
    assert [(each["spec"], each["valid"]) for each in checked.json] == [
        ("specs/a.yml", False),
        ("specs/b.yaml", False),
        ("specs/d.yaml", False),
        ("missing", False),
    ]
    assert "specs/a.yml:1" in checked.err
    assert "is also that of specs/b.yaml" in checked.err
    (console.folder / "empty").mkdir()
    checked = console.run("check", "empty")
    assert (checked.code, "there are no specs in this folder" in checked.err) == (2, True)
