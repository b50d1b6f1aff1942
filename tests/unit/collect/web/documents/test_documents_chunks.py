from __future__ import annotations

import pytest

from archiver.collect.web.documents.chunks import Chunks, vitepress_twin, webpack_chunks

_PATH = 'r.p="/docs/";'


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (
            'r.u=e=>"assets/js/"+({31:"64cf","a94703ab":"x"}[e]||e)+"."+{31:"f2e9",186:"6bdc"}[e]+".js"',
            ["assets/js/64cf.f2e9.js", "assets/js/186.6bdc.js"],
        ),
        ('r.u=function(e){return"js/"+({1:"a"}[e]||e)+".js"}', ["js/a.js"]),
        ('n.u=e=>e+"."+{a94703ab:"1",\'b-c\':"2"}[e]+".js"', ["a94703ab.1.js", "b-c.2.js"]),
        ('n.u=e=>(({1:"a"})[e]||e)+"-"+({1:"h"})[e]+".js"', ["a-h.js"]),
        ('r.u=e=>809===e?"js/809.abc.js":"js/"+e+"."+{1:"h"}[e]+".js"', ["js/809.abc.js", "js/1.h.js"]),
        ('r.u=e=>{};r.miniCssF=e=>"css/"+{7:"abc"}[e]+".css"', ["css/abc.css"]),
        (
            '__webpack_require__.u = (chunkId) => {\n\treturn "" + chunkId + "." + {"1":"a"}[chunkId] + ".js";\n};',
            ["1.a.js"],
        ),
        (
            'r.u = (id) => {\n\t// return url\n\t/* so */ return "" + id + {"1":"a"}[id] + ".js"}',
            ["1a.js"],
        ),
        (
            'function s(e){return n.p+"static/js/"+({1:"a"}[e]||e)+"."+{1:"h"}[e]+".chunk.js"}',
            ["static/js/a.h.chunk.js"],
        ),
        (
            'let e=r.O(void 0,[733,12],()=>r(1));r.e(5).then(f);r.e("ab");r.u=e=>"js/"+e+".3644.js"',
            ["js/733.3644.js", "js/12.3644.js", "js/5.3644.js", "js/ab.3644.js"],
        ),
    ],
)  # fmt: skip
def test_chunks_are_named_as_the_runtime_names_them(function: str, names: list[str]) -> None:
    """Every shape of webpack's and Rspack's function from a chunk to its file is worked out for each chunk."""
    found = webpack_chunks(_PATH + function)
    assert sorted(found.names) == sorted(names)
    assert found.public_path == "/docs/"
    assert found.certain


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ('r.p="/"', ("/", True)),
        ("r.p='https://cdn.example.org/x/'", ("https://cdn.example.org/x/", True)),
        ('r.p=""', ("", False)),
        ('r.p=e+"../../"', ("../../", True)),
        ("r.p=e", ("", False)),
    ],
)
def test_the_public_path_is_what_the_runtime_says(path: str, expected: tuple[str, bool]) -> None:
    """A public path is a URL, a path, or the script's own folder; the last is not said, so it is uncertain."""
    found = webpack_chunks(f'r.u=e=>"js/"+{{1:"a"}}[e]+".js",{path};')
    assert (found.public_path, found.certain) == expected


@pytest.mark.parametrize(
    "script",
    ["", "a.p=1", 'r.p="/";r.u=e=>{}', 'r.p="/";r.u=e=>e', 'r.p="/";x.u=5', 'r.p="/";r.u=e=>f(e)+".js"'],
)
def test_other_scripts_have_no_chunks(script: str) -> None:
    """What is no runtime, or has none but empty functions, gives nothing."""
    assert webpack_chunks(script) == Chunks()


@pytest.mark.parametrize(
    "piece",
    ["r.u=e=>", 'r.u=e=>{1:"a",', "r.u=function(e){", "r.u=e=>(((", 'r.u=e=>1===e?"a":', "r.u=e=>/**/{return ",
     '.e("', ".O(1,[1,", "function f(e){return ", "a$"],
)  # fmt: skip
def test_hostile_runtimes_take_no_more_than_linear_time(piece: str) -> None:
    """Half a megabyte of beginnings gives an answer at once."""
    webpack_chunks(_PATH + piece * (500_000 // len(piece)) + 'r.u=e=>"a"+{1:"b"}[e]+".js"')


@pytest.mark.parametrize("piece", ['"a"', '"a"+', "(", "(((((((((({", "e", "e+", '1===e?"a":'])
def test_hostile_expressions_take_no_more_than_linear_time(piece: str) -> None:
    """Half a megabyte of what a chunk's name may be put together from gives an answer at once."""
    webpack_chunks(f"{_PATH}r.u=e=>{piece * (500_000 // len(piece))}")


def test_a_runtime_does_not_multiply_what_it_says() -> None:
    """A name that is put together from a thousand pieces, for thousands of chunks, is no file's."""
    known = ",".join(f'{chunk}:"a"' for chunk in range(20_000))
    many, long = '+"aaaaaaaa"' * 1_000, f'+"{"a" * 8_000}"'
    assert webpack_chunks(f"{_PATH}r.u=e=>({{{known}}})[e]{many}") == Chunks()
    assert webpack_chunks(f"{_PATH}r.u=e=>({{{known}}})[e]{long}") == Chunks()


def test_vitepress_loads_a_page_in_two_ways() -> None:
    """The chunk of a first visit names that of a visit by a link on the site."""
    assert vitepress_twin("/assets/guide_a.md.DaEjZyLg.lean.js") == "/assets/guide_a.md.DaEjZyLg.js"
    assert vitepress_twin("/assets/app.lean.js") == ""
