from __future__ import annotations

import json
from pathlib import Path

import pytest

from archiver.core.errors import SpecError
from archiver.spec.load import load_spec, spec_schema

SPECS = Path(__file__).parents[3] / "specs"
GOOD = """\
project: demo
docs:
  - seeds: [http://a/docs/]
    delay: 1
  - name: zh
    seeds: [http://a/zh/]
    scope:
      include: ["http://b/"]
images:
  refs: [redis, "127.0.0.1:5000/a/b:1"]
files:
  - url: http://a/f.tgz
    sha256: sha256:{digest}
""".format(digest="ab" * 32)


def problems(tmp_path, text):
    """Load a spec that is wrong; return (line, message, hint) of each problem."""
    path = tmp_path / "spec.yaml"
    path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    found = []
    for problem in (caught.value, *caught.value.more):
        name, _, line = problem.place.rpartition(":")
        assert name == str(path)
        found.append((int(line), problem.message, problem.hint))
    return found


def test_a_good_spec_loads_with_its_defaults(tmp_path):
    """What is left out has the documented defaults; the file's folder is where lists are looked for."""
    path = tmp_path / "spec.yaml"
    path.write_text(GOOD)
    loaded = load_spec(path)
    spec = loaded.spec
    assert loaded.folder == tmp_path
    assert [site.name for site in spec.docs] == ["docs", "zh"]
    assert spec.docs[0].robots == "obey"
    assert spec.images.platforms == ("linux/amd64",)
    assert spec.files[0].sha256 == "ab" * 32
    assert json.loads(json.dumps(loaded.record))["docs"][0]["delay"] == 1


def test_the_digest_is_of_what_decides_the_crawl(tmp_path):
    """Comments, layout, images and politeness do not make another crawl; other seeds and other sitemaps do."""
    digests = []
    for name, text in enumerate((GOOD, "# note\n" + GOOD.replace("delay: 1", "delay: 2").replace("redis", "redis:7").replace("[http://a/docs/]", "\n      - http://a/docs/"),
                                 GOOD.replace("/docs/", "/docs2/"), GOOD.replace("delay: 1", "sitemaps: none"))):  # fmt: skip
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        digests.append(load_spec(path).digest)
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("delay: 1", "dely: 1", 4, "unknown key 'dely'"),
        ("delay: 1", "delay: soon", 4, "docs[0].delay: not a number write digits"),
        ("delay: 1", "connections: 1.5", 4, "docs[0].connections: not a whole number"),
        ("  refs:", "  referrers: maybe\n  refs:", 10, "neither true nor false write true or false"),
        ("delay: 1", "delay: .nan", 4, "docs[0].delay"),
        ("delay: 1", "robots: maybe", 4, "'obey' or 'ignore'"),
        ("[http://a/docs/]", "http://a/docs/", 3, "not a list"),
        ("[http://a/docs/]", "[ftp://a/]", 3, "http or https"),
        ("[http://a/docs/]", "[]", 3, "an empty list"),
        ("name: zh", "name: docs", 5, "another doc site is named 'docs', in line 3"),
        ("name: zh", "name: images", 5, "cannot be named"),
        ("name: zh", "name: ../x", 5, "docs[1].name"),
        ('include: ["http://b/"]', 'inclde: ["http://b/"]', 8, "unknown key 'inclde'"),
        ("refs: [redis", "refs: [Redis", 10, "lowercase"),
        ("refs: [redis", "refs: [12", 10, "not a string"),
        ("sha256: sha256:", "sha256: sha256:zz", 13, "not a sha256"),
        ("project: demo", "project: images", 1, "project"),
        ("project: demo", "titel: demo", 1, "project is missing"),
        ("project: demo", "project: demo\nproject: demo", 2, "twice"),
        ("  refs:", "  - refs:", 10, "images"),
        ("refs: [redis", "refs: [127.0.0.1:65536/a:1, redis", 10, "registry host"),
        ('refs: [redis, "127.0.0.1:5000/a/b:1"]', "platforms: [linux/amd64]", 10, "no image is asked for"),
        ("http://a/zh/", "http://me:secret@a/zh/", 6, "password"),
        ("name: zh", "name: a b", 5, "'a b' cannot be a doc site's name"),
        ("project: demo", "project:", 1, "project is empty"),
        ("project: demo", "project: [demo]", 1, "not a single value"),
        ("sha256: sha256:", "sha256: sha256:zz", 13, "64 lowercase hex digits"),
        ("delay: 1", "sitemaps: yes", 4, "neither 'auto' nor 'none'"),
        ("delay: 1", "sitemaps: [http://a/s.xml, /t.xml]", 4, "docs[0].sitemaps[1]: '/t.xml'"),
        ("delay: 1", "sitemaps: [12]", 4, "docs[0].sitemaps[0]: not a string"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, old, new, line, words):
    """Unknown keys, wrong types, double names and malformed values name the line they are in."""
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert any(at == line and words in f"{message} {hint}" for at, message, hint in found), found
    assert all(hint for _, message, hint in found if "twice" not in message), found


@pytest.mark.parametrize(
    ("text", "sitemaps"),
    [
        ("delay: 1", ("auto",)),
        ("sitemaps: auto", ("auto",)),
        ("sitemaps: none", ()),
        ("sitemaps: [http://a/s.xml.gz]", ("http://a/s.xml.gz",)),
        ("sitemaps: [auto, http://a/s.xml]", ("auto", "http://a/s.xml")),
    ],
)
def test_sitemaps_are_a_word_or_a_list(tmp_path, text, sitemaps):
    """By default the site's own are taken; a list names further ones, or all of them."""
    path = tmp_path / "spec.yaml"
    path.write_text(GOOD.replace("delay: 1", text))
    assert load_spec(path).spec.docs[0].sitemaps == sitemaps


ACCESS = """\
project: demo
docs:
  - seeds: [https://a/docs/]
    headers:
      Accept-Language: en
      X-Api-Key: ${KEY}
    cookies:
      session: "v1.${COOKIE}"
    auth:
      username: ${USER_NAME}
      password: ${PASSWORD}
    proxy: http://proxy:3128
    limits: {pages: 50000, bytes: 20GiB, time: 6h, response: 1.5 GiB}
"""


def test_credentials_and_limits_stay_as_they_are_written(tmp_path):
    """What the record of a run has is the reference, never what it stands for."""
    path = tmp_path / "spec.yaml"
    path.write_text(ACCESS)
    (site,) = load_spec(path).record["docs"]
    assert site["headers"] == {"Accept-Language": "en", "X-Api-Key": "${KEY}"}
    assert site["cookies"] == {"session": "v1.${COOKIE}"}
    assert site["auth"] == {"username": "${USER_NAME}", "password": "${PASSWORD}"}
    assert site["limits"] == {"pages": 50000, "bytes": "20GiB", "time": "6h", "response": "1.5 GiB"}


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("Key: ${KEY}", "Key: hunter2", 6, "'X-Api-Key' must come from the environment"),
        ("X-Api-Key: ${KEY}", "AUTHORIZATION: Bearer hunter2", 6, "must come from the environment"),
        ("X-Api-Key: ${KEY}", "accept-language: de", 6, "twice"),
        ("X-Api-Key: ${KEY}", "Host: a", 6, "the program's own to set"),
        ("X-Api-Key: ${KEY}", "If-None-Match: a", 6, "the program's own to set"),
        ("X-Api-Key: ${KEY}", "X Api: a", 6, "cannot be a header's name"),
        ("X-Api-Key: ${KEY}", 'X-A: "a\\nb"', 6, "cannot be a header's value"),
        ("X-Api-Key: ${KEY}", "X-A: ${a b}", 6, "write ${NAME}"),
        ("X-Api-Key: ${KEY}", "Cookie: ${KEY}", 3, "'cookies' and a header 'cookie' are both given"),
        ("X-Api-Key: ${KEY}", "Authorization: ${KEY}", 3, "'auth' and a header 'authorization'"),
        ("v1.${COOKIE}", "hunter2", 8, "must come from the environment"),
        ("session:", "se ssion:", 8, "cannot be a cookie's name"),
        ("${USER_NAME}", "me", 10, "must come from the environment"),
        ("${PASSWORD}", "hunter2", 11, "must come from the environment"),
        ("      password: ${PASSWORD}\n", "", 10, "password is missing"),
        ("http://proxy:3128", "http://me:hunter2@proxy:3128", 12, "must not be in a spec"),
        ("http://proxy:3128", "socks5://proxy:1080", 12, "SOCKS proxies are not supported"),
        ("http://proxy:3128", "proxy:3128", 12, "write http://host:port"),
        ("20GiB", "20", 13, "such as 20GiB"),
        ("20GiB", "20G", 13, "such as 20GiB"),
        ("6h", "6 hours", 13, "such as 6h"),
        ("50000", "0", 13, "limits.pages"),
    ],
)
def test_a_mistake_in_credentials_is_told_without_showing_them(tmp_path, old, new, line, words):
    """What must be a reference and is none is refused at its line; the message does not repeat the value."""
    assert old in ACCESS
    found = problems(tmp_path, ACCESS.replace(old, new, 1))
    assert any(at == line and words in f"{message} {hint}" for at, message, hint in found), found
    assert all(hint for _, _, hint in found), found
    assert "hunter2" not in str(found)


def test_all_mistakes_are_told_at_once(tmp_path):
    """Nobody has to run the check once a mistake."""
    found = problems(
        tmp_path, GOOD.replace("delay: 1", "dely: 1").replace("[redis", "[Redis").replace("http://a/f", "a/f")
    )
    assert [line for line, _, _ in found] == sorted({4, 10, 12})


def test_an_unknown_key_is_met_with_a_suggestion(tmp_path):
    """A near miss gets the key that was meant; a far one the keys there are."""
    assert problems(tmp_path, GOOD.replace("delay", "dealy"))[0][2] == "did you mean 'delay'?"
    assert "seeds" in problems(tmp_path, GOOD.replace("delay", "zzz"))[0][2]


@pytest.mark.parametrize(
    "text",
    ["", "- a", "a: [", "a: &a [*a]", "a: !!python/object:os.system x", b"project: \xff", "project: [" * 200, "a: 1\n\tb: 2",
     ("a: &a [1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\n"
     "e: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f]"), "project: demo"],
    ids=["empty", "list", "open", "itself", "object", "not UTF-8", "deep", "tab", "laughs", "nothing asked"],
)  # fmt: skip
def test_what_is_no_spec_is_a_typed_error(tmp_path, text):
    """Broken YAML, tags, cycles, bombs and empty files end in an error with the file, never in a traceback."""
    path = tmp_path / "spec.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert str(path) in caught.value.place


def test_a_missing_file_is_a_typed_error(tmp_path):
    """The path is named."""
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "none.yaml")
    assert "none.yaml" in caught.value.place


def test_only_true_and_false_are_booleans(tmp_path):
    """Norway's country code, `on` and dates stay words."""
    path = tmp_path / "spec.yaml"
    path.write_text("project: no\ntitle: 2024-01-01\nimages: {refs: [redis]}\n")
    assert load_spec(path).spec.project == "no"
    assert load_spec(path).spec.title == "2024-01-01"


def test_shipped_specs_load():
    """Every spec in specs/ is valid."""
    found = sorted(SPECS.glob("*.yaml"))
    assert found
    for path in found:
        load_spec(path)


def test_every_key_is_documented():
    """specs/README.md has a row or a mention for each key of the schema."""
    text = (SPECS / "README.md").read_text()
    schema = spec_schema()
    models = [schema, *schema["$defs"].values()]
    keys = {key for model in models for key in model.get("properties", {})}
    missing = [key for key in keys if f"`{key}`" not in text and f".{key}`" not in text]
    assert not missing


def test_the_command_for_bad_news_is_the_keepers_own(tmp_path: Path) -> None:
    """``on_degraded`` is read as it is, and is not in the record that bundles are made from."""
    path = tmp_path / "sample.yaml"
    files = "files: [{url: 'https://example.org/a.zip'}]"
    path.write_text(f"project: sample\n{files}\non_degraded: [./tell.sh, '${{TEAM}} now']\n", "utf-8")
    loaded = load_spec(path)
    assert loaded.spec.on_degraded == ("./tell.sh", "${TEAM} now")
    assert "on_degraded" not in loaded.record


@pytest.mark.parametrize("command", ["echo hello", "[]", "[3]", "['']", "['a${', b]", '["a\\0"]'])
def test_a_command_that_is_no_list_of_words_is_refused(tmp_path: Path, command: str) -> None:
    """A line for a shell, no word at all, numbers, an empty name, a broken reference and NUL are told with their line."""
    path = tmp_path / "sample.yaml"
    path.write_text(
        f"project: sample\nfiles: [{{url: 'https://example.org/a.zip'}}]\non_degraded: {command}\n", "utf-8"
    )
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert caught.value.place == f"{path}:3"


SITES = """\
project: sample
{top}
docs:
  - name: a
    seeds: [https://a.example.org/]
{site}
  - name: b
    seeds: [https://b.example.org/]
"""


@pytest.mark.parametrize(
    ("top", "site", "line"),
    [
        ("at_least_every: 1h", "", 2),
        ("at_least_every: 6d\nevery: 7d", "", 2),
        ("every: 7d", "    at_least_every: 6d", 6),
        ("every: 1d", "    at_least_every: 29d\n    every: 30d", 6),
        ("at_least_every: 30d", "    every: 31d", 6),
    ],
)
def test_a_bound_below_what_it_bounds_is_refused(tmp_path: Path, top: str, site: str, line: int) -> None:
    """Whoever asks for pages more often than for their site is told in which line, and what is meant."""
    path = tmp_path / "sample.yaml"
    path.write_text(SITES.format(top=top, site=site), "utf-8")
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert caught.value.place == f"{path}:{line}"
    assert "every" in caught.value.message
    assert caught.value.more == ()
    assert "longer time than every" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("top", "site"),
    [
        ("every: 180d", ""),
        ("every: 7d\nat_least_every: 7d", ""),
        ("every: 7d\nat_least_every: 30d", "    at_least_every: 7d"),
        ("at_least_every: 30d", "    every: 60d\n    at_least_every: 60d"),
        ("", "    every: 365d"),
    ],
)
def test_bounds_that_nobody_wrote_contradict_nothing(tmp_path: Path, top: str, site: str) -> None:
    """The usual bound gives way to a longer interval; equal ones are asked for at that."""
    path = tmp_path / "sample.yaml"
    path.write_text(SITES.format(top=top, site=site), "utf-8")
    assert load_spec(path).spec.docs
