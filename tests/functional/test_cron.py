"""docs/cron.md and the files beside it: each crontab line, unit, manifest and command there does what the page says."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Callable, Iterator

import kubernetes_validate
import pytest
import yaml

from archiver.core.judgement import Judgement
from archiver.offline import exitcodes
from servers.console import Console, Outcome, parse_only
from servers.processes import need, with_daemons
from servers.site import Asked, Reply, Site, put, serving

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDE = (DOCS / "cron.md").read_text("utf-8")
PAGES = 8
_ENTRY = re.compile(r"(?:[\d*/,-]+ ){5}(?P<user>\S+) (?P<command>.*)")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def _table(heading: str) -> str:
    """Return the first table of a section."""
    section = GUIDE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return "\n".join(line for line in section.splitlines() if line.startswith("|"))


@pytest.fixture
def site() -> Iterator[Site]:
    """A site of nine pages that can lose them."""
    with serving({}) as served:
        links = "".join(f"<a href=p{number}.html>{number}</a>" for number in range(PAGES))
        put(served, "index.html", f"<title>Start</title><p>{'Start here. ' * 30}</p>{links}")
        for number in range(PAGES):
            put(served, f"p{number}.html", f"<title>{number}</title><p>{f'This is page {number}. ' * 20}</p>")
        yield served


class Machine:
    """A machine as the guide has it, in a folder: whatever is written below ``/`` there is written below ``root`` here."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log, self.state = root / "var/log/archiver", root / "var/lib/archiver"
        self.specs = root / "etc/archiver/specs"
        for folder in (self.log, self.state / "metrics", self.specs, root / "opt/archiver/bin"):
            folder.mkdir(parents=True)
        program = root / "opt/archiver/bin/archiver"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m archiver "$@"\n')
        program.chmod(0o755)

    def here(self, text: str) -> str:
        """Return a text with the guide's paths as they are here."""
        return re.sub(r"/(?=(?:opt|etc|var)/)", f"{self.root}/", text)

    def cron(self, command: str, variables: dict[str, str]) -> Outcome:
        """Run a crontab's command as cron does: by sh, at home, with hardly any environment, and nobody there."""
        done = subprocess.run(
            ["/bin/sh", "-c", self.here(command)],
            cwd=self.state,
            env={"HOME": str(self.state), "LOGNAME": "archiver", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
            | {name: self.here(value) for name, value in variables.items()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with the program installed."""
    return Machine(tmp_path / "root")


def _crontab(block: str) -> tuple[dict[str, str], list[str]]:
    variables, commands = {}, []
    for line in block.splitlines():
        entry = _ENTRY.fullmatch(line)
        if entry:
            assert entry["user"] == "archiver"
            assert "%" not in entry["command"]  # cron would take it for a newline
            commands.append(entry["command"])
        else:
            name, _, value = line.partition("=")
            variables[name] = value
    return variables, commands


def test_the_crontab_refreshes_and_prunes_in_silence(machine: Machine, site: Site) -> None:
    """Both lines run under cron's environment, say nothing, and leave an archive, a log and metrics where the guide has them."""
    spec = {"project": "sample", "docs": [{"seeds": [f"{site.origin}/index.html"]}], "keep": {"last": 5}}
    (machine.specs / "sample.yaml").write_text(json.dumps(spec))
    variables, commands = _crontab(_blocks("crontab")[0])
    assert len(commands) == 2
    for command in commands:
        assert machine.cron(command, variables) == Outcome(0, "", "")
    assert (machine.state / "archives/sample/good").is_file()
    assert "refresh ends with exit code 0" in (machine.log / "refresh.log").read_text()
    assert "archiver_refresh_exit_code" in (machine.state / "metrics/archiver.prom").read_text()


def test_the_crontab_with_secrets_reads_them(machine: Machine, site: Site) -> None:
    """What the file of variables sets is what the spec's credentials refer to; without it the spec is told of."""
    site.answers["/index.html"] = lambda asked: Reply(
        f"<title>x</title><p>{'words ' * 90}".encode(),
        200 if asked.headers.get("cookie") == "session=s3cret" else 403,
    )
    docs = [{"seeds": [f"{site.origin}/index.html"], "cookies": {"session": "${SESSION}"}}]
    (machine.specs / "sample.yaml").write_text(json.dumps({"project": "sample", "docs": docs}))
    variables, (command,) = _crontab(_blocks("crontab")[1])
    variables |= _crontab(_blocks("crontab")[0])[0]
    (machine.root / "etc/archiver/environment").write_text("")
    refused = machine.cron(command, variables)
    assert (refused.code, "SESSION is not set" in refused.err) == (2, True)
    (machine.root / "etc/archiver/environment").write_text("SESSION=s3cret\n")
    assert machine.cron(command, variables) == Outcome(0, "", "")
    assert (machine.state / "archives/sample/good").is_file()


def test_the_mail_that_cron_sends(machine: Machine, site: Site) -> None:
    """A site that lost its pages: what cron would mail is one line, and the exit code is 4."""
    (machine.specs / "sample.yaml").write_text(
        json.dumps({"project": "sample", "every": "1s", "docs": [{"seeds": [f"{site.origin}/index.html"]}]})
    )
    variables, (command, _) = _crontab(_blocks("crontab")[0])
    assert machine.cron(command, variables).code == 0
    _lose(site)
    told = machine.cron(command.replace("refresh ", "refresh --full "), variables)
    assert (told.code, told.err, len(told.out.splitlines())) == (4, "", 1)
    assert re.match(
        r"sample: docs (DEGRADED|GONE): .*, kept as of \d{8}T\d{6}Z; snapshot .*; report: /", told.out
    )


def _lose(site: Site) -> None:
    for number in range(PAGES):
        del site.answers[f"/p{number}.html"]


def test_a_user_without_a_home_or_a_name(machine: Machine, site: Site) -> None:
    """A container's user is a number and nothing else: no HOME, no PATH, no entry in passwd; all goes as ever."""
    need("unshare")
    docs = [{"seeds": [f"{site.origin}/index.html"]}]
    images = {"refs": ["127.0.0.1:9/a/b:1"]}  # has it look for credentials, which are in homes
    (machine.specs / "sample.yaml").write_text(
        json.dumps({"project": "sample", "docs": docs, "images": images})
    )
    become = [shutil.which("unshare"), "--user", "--map-user=65532", "--map-group=65532", sys.executable]
    if subprocess.run([*become, "--version"], env={}, check=False).returncode != 0:
        pytest.skip("this machine has no user namespaces for tests")
    done = subprocess.run(
        [*become, "-m", "archiver", "refresh", machine.specs, "--archives", machine.state / "archives"],
        cwd="/",
        env={},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (3, "")
    assert re.match(r"sample: .*images.*; snapshot \S+: 9 pages", done.stdout)


def test_logrotate_takes_its_configuration(machine: Machine) -> None:
    """The logs are rotated as the guide's lines say, and the next one begins."""
    need("logrotate")
    (machine.log / "refresh.log").write_text("a line\n")
    machine.log.chmod(0o755)
    (block,) = _blocks("logrotate")
    assert "su archiver archiver" in block
    mine = f"{os.geteuid()} {os.getegid()}"
    configuration = machine.root / "logrotate"
    configuration.write_text(
        machine.here(block).replace("su archiver archiver", "").replace("archiver archiver", mine)
    )
    subprocess.run(
        ["logrotate", "--force", "--state", machine.root / "state", configuration],
        env=with_daemons(),
        check=True,
        capture_output=True,
    )
    assert (machine.log / "refresh.log").read_text() == ""
    assert (machine.log / "refresh.log.1").read_text() == "a line\n"


def test_systemd_takes_the_units(machine: Machine) -> None:
    """``systemd-analyze verify`` has nothing to say, and the service is confined well."""
    need("systemd-analyze")
    units = []
    for name in ("archiver.service", "archiver.timer"):
        unit = machine.root / name
        unit.write_text(
            (DOCS / "systemd" / name).read_text().replace("/opt/archiver", f"{machine.root}/opt/archiver")
        )
        units.append(unit)
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    exposed = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", units[0]]  # 2.0 of 10
    subprocess.run(exposed, check=True, capture_output=True)


def test_the_service_gives_a_command_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the unit starts is a line that the program understands, and its user's folders are the guide's."""
    text = (DOCS / "systemd" / "archiver.service").read_text()
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    code, (parsed,) = parse_only(line, monkeypatch)
    assert code == 0
    assert [str(path) for path in parsed.specs] == ["/etc/archiver/specs"]  # type: ignore[attr-defined]
    assert f"SuccessExitStatus={exitcodes.INTERRUPTED}\n" in text


@pytest.mark.parametrize("version", ["1.31", "1.37"])
def test_kubernetes_takes_the_manifest(version: str) -> None:
    """Every document of the manifest is valid by Kubernetes's own schemas, without a member that they do not know."""
    documents = list(yaml.safe_load_all((DOCS / "kubernetes" / "cronjob.yaml").read_text()))
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)
    assert [document["kind"] for document in documents] == ["PersistentVolumeClaim", "ConfigMap", "CronJob"]


def test_the_cron_job_is_what_the_guide_says(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """One at a time, without privileges, exit codes told apart; its specs are valid and its command is understood."""
    _, specs, job = yaml.safe_load_all((DOCS / "kubernetes" / "cronjob.yaml").read_text())
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    template = job["spec"]["jobTemplate"]["spec"]
    failing = {code for rule in template["podFailurePolicy"]["rules"]
               for code in rule.get("onExitCodes", {}).get("values", ())}  # fmt: skip
    known = {value for name, value in vars(exitcodes).items() if name.isupper() and isinstance(value, int)}
    assert {exitcodes.LOCKED, exitcodes.INTERRUPTED, exitcodes.COMPLETE}.isdisjoint(failing)
    assert {exitcodes.USAGE, exitcodes.FAILURES, exitcodes.SOURCE_GONE, exitcodes.STORAGE} <= failing <= known
    (container,) = template["template"]["spec"]["containers"]
    code, (parsed,) = parse_only(shlex.join(["archiver", *container["args"]]), monkeypatch)
    assert code == 0
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {str(parsed.archives), str(parsed.specs[0])} <= mounted  # type: ignore[attr-defined]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    for name, text in specs["data"].items():
        console.succeed("check", console.write(f"specs/{name}", text))


def test_specs_in_a_config_map_are_found_once(console: Console, site: Site) -> None:
    """Kubernetes mounts each key as a link into a hidden folder, which is a link itself; a spec is refreshed once."""
    spec = json.dumps({"project": "sample", "docs": [{"seeds": [f"{site.origin}/index.html"]}]})
    console.write("specs/..2026_11_23_04_17_00.1/sample.yaml", spec)
    (console.folder / "specs/..data").symlink_to("..2026_11_23_04_17_00.1")
    (console.folder / "specs/sample.yaml").symlink_to("..data/sample.yaml")
    (project,) = console.succeed("refresh", "--json").json["projects"]
    assert project["spec"] == "specs/sample.yaml"


def test_the_image_has_what_installing_needs() -> None:
    """What the Containerfile copies is there."""
    copied = re.findall(r"^COPY (.*) \S+$", (DOCS / "kubernetes" / "Containerfile").read_text(), re.MULTILINE)
    for name in " ".join(copied).split():
        assert (DOCS.parent / name).exists()


@pytest.fixture
def degraded(console: Console, site: Site) -> Callable[..., Outcome]:
    """Return what makes the site lose its pages and refreshes it, with a command for that in its spec."""

    def refresh(words: list[str], **variables: str) -> Outcome:
        docs = [{"seeds": [f"{site.origin}/index.html"]}]
        spec = {"project": "sample", "title": "Sample", "docs": docs, "on_degraded": words}
        console.write("specs/sample.yaml", json.dumps(spec))
        console.environment |= variables
        if not (console.folder / "archives").exists():
            console.succeed("refresh")
            _lose(site)
        return console.run("refresh", "--full", "--log", "log")

    return refresh


def _script(console: Console, name: str) -> Path:
    (text,) = (block for block in _blocks("sh") if f"# on_degraded: [./{name}]" in block)
    path = console.write(f"specs/{name}", text)
    path.chmod(0o755)
    return path


def test_the_mail_example(console: Console, degraded: Callable[..., Outcome]) -> None:
    """The mail says in its subject which project it is, and why in its text, with pages and the report's place."""
    need("jq")
    _script(console, "mail.sh")
    mail = console.write("bin/mail", '#!/bin/sh\nprintf "%s\\n" "$@" >"$OUT"; cat >>"$OUT"\n')
    mail.chmod(0o755)
    path = f"{mail.parent}:{console.environment['PATH']}"
    outcome = degraded(["./mail.sh"], PATH=path, OUT=str(console.folder / "mail"))
    assert (outcome.code, outcome.err) == (4, "")
    option, subject, address, text, *rest = (console.folder / "mail").read_text().splitlines()
    assert (option, address) == ("-s", "keeper@example.org")
    assert re.fullmatch(r"archiver: sample is (degraded|gone)", subject)
    assert text.startswith("sample: docs is ")
    assert rest[-1].startswith("Report: /")


def _received(hooks: Site) -> list[bytes]:
    bodies: list[bytes] = []

    def take(asked: Asked) -> Reply:
        bodies.append(asked.body)
        return Reply(b"ok")

    hooks.answers["/hook"] = take
    return bodies


def test_the_webhook_example(degraded: Callable[..., Outcome]) -> None:
    """Curl posts the document as it is to an address out of the environment; a webhook that refuses is told of."""
    need("curl")
    (words,) = (
        command for block in _blocks("yaml") if "curl" in (command := yaml.safe_load(block)["on_degraded"])
    )
    with serving({}) as hooks:
        bodies = _received(hooks)
        assert degraded(words, ALERT_WEBHOOK=f"{hooks.origin}/hook").code == 4
        (body,) = bodies
        assert json.loads(body)["format"] == "archiver-degraded/1"
        outcome = degraded(words, ALERT_WEBHOOK=f"{hooks.origin}/elsewhere")
        assert outcome.code == 4
        assert "404" in outcome.err


def test_the_chat_example(console: Console, degraded: Callable[..., Outcome]) -> None:
    """The chat gets a text and nothing else, once: what goes on is no news."""
    need("jq", "curl")
    _script(console, "chat.sh")
    with serving({}) as hooks:
        bodies = _received(hooks)
        for _ in range(2):
            assert degraded(["./chat.sh"], ALERT_WEBHOOK=f"{hooks.origin}/hook").code == 4
        (body,) = bodies
        assert list(json.loads(body)) == ["text"]


def test_the_documents_members_are_all_described(console: Console, degraded: Callable[..., Outcome]) -> None:
    """The guide's table has each member of what the command gets, and no other."""
    told = console.write("specs/told.sh", "#!/bin/sh\ncat >told.json\n")
    told.chmod(0o755)
    assert degraded(["./told.sh"]).code == 4
    document = json.loads((console.folder / "specs/told.json").read_text())
    rows = re.findall(r"^\| (`.*?) \|", _table("Being told"), re.MULTILINE)
    assert {name.removesuffix("[]") for row in rows for name in re.findall(r"`([^`]+)`", row)} == set(
        document
    )
    (source,) = document["sources"]
    last = _table("Being told").splitlines()[-1]
    assert set(source) == {each.name for each in fields(Judgement)} | {"new", "kept"}
    assert set(source) <= {name.removesuffix("[]") for name in re.findall(r"`([^`]+)`", last)}


def test_the_exit_codes_are_those_there_are() -> None:
    """The guide's table of exit codes names codes that the program has."""
    known = {value for name, value in vars(exitcodes).items() if name.isupper() and isinstance(value, int)}
    named = {
        int(code)
        for code in re.findall(r"^\| (\d+) \|", _table("What it says, and how it ends"), re.MULTILINE)
    }
    assert {0, 2, 3, 4, 6, 7, 130} == named <= known
