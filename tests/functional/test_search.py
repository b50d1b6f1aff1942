# ruff: noqa: RUF001 - Chinese and Japanese text has its own punctuation
"""Searching documentation in four languages and several versions: on the command line, and as programs ask the server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from archiver.bundle.build import build_bundle
from archiver.bundle.searchindex import ensure_search_index
from archiver.offline.commands import run_reader
from archiver.store.paths import open_archive
from servers.serving import serving
from servers.small_archive import SNAPSHOT, ArchiveBuilder

if TYPE_CHECKING:
    from pathlib import Path

SITE = "https://docs.example.org"
CREATE = (
    "Create an example configuration file, edit it and start the installation. "
    "A multi-node cluster needs a control plane and at least one worker node."
)
PAGES = {
    "/docs/v3.4/install/": ("en", "Install on Linux", [
        ("", "", "Before you begin, prepare three machines that can reach each other."),
        ("download", "Download KubeKey", "Get the latest release of KubeKey, or build the binary from source."),
        ("cluster", "Create a cluster", CREATE),
        ("verify", "Verify the installation", "Check the logs of ks-installer until all pods are running."),
    ]),
    "/docs/v3.3/install/": ("en", "Install on Linux", [
        ("cluster", "Create a cluster", CREATE),
    ]),
    "/docs/v3.4/storage/": ("en", "Persistent storage", [
        ("classes", "Storage classes", "A storage class tells how volumes are provisioned: by NFS, Ceph or a local disk."),
        ("resize", "Resize volumes", "Volumes can grow while a pod uses them. The cluster administrator allows it."),
    ]),
    "/docs/v3.4/faq/": ("en", "Frequently asked questions", [
        ("uninstall", "How to uninstall", "Run the deletion script. It takes a few minutes until everything is gone."),
        ("dns", "CoreDNS keeps crashing", "Remove the loop from /etc/resolv.conf, then restart the pods."),
    ]),
    "/zh/docs/v3.4/install/": ("zh-CN", "在 Linux 上安装", [
        ("cluster", "创建集群", "创建示例配置文件并编辑，然后开始安装。多节点集群由至少一个主节点和一个工作节点组成。"),
        ("verify", "验证安装结果", "查看安装日志，直到所有容器组都在运行。"),
    ]),
    "/zh/docs/v3.4/storage/": ("zh-CN", "持久化存储", [
        ("classes", "存储类型", "存储类决定卷的供应方式：NFS、Ceph 或本地磁盘。由集群管理员创建。"),
    ]),
    "/zh/docs/v3.4/upgrade/": ("zh-CN", "升级概述", [
        ("backup", "升级之前", "请先备份重要数据。云平台上的快照也可以。安装新版本需要几分钟。"),
    ]),
    "/ja/docs/v3.4/install/": ("ja", "Linux へのインストール", [
        ("cluster", "クラスターの作成", "設定ファイルを編集してから、インストールを開始します。マルチノードクラスターには、少なくとも一つのワーカーノードが必要です。"),
        ("network", "ネットワークの設定", "ファイアウォールの例外を追加してください。"),
    ]),
    "/ko/docs/v3.4/install/": ("ko", "리눅스에 설치하기", [
        ("cluster", "클러스터 만들기", "설정 파일을 편집한 다음 설치를 시작합니다. 클러스터에는 작업자 노드가 필요합니다."),
        ("network", "네트워크 설정", "방화벽에 예외를 추가하십시오."),
    ]),
}  # fmt: skip
MENU = "<nav><ul><li>Install</li><li>集群</li><li>クラスター</li><li>클러스터</li></ul></nav><footer>存储 install</footer>"


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive folder with a site in four languages and two versions, indexed."""
    root = tmp_path_factory.mktemp("search") / "archives"
    builder = ArchiveBuilder(root, "sphere", "Sphere")
    for path, (language, title, sections) in PAGES.items():
        body = "".join(
            (f'<h2 id="{anchor}">{heading}</h2>' if heading else "") + f"<p>{text}</p>"
            for anchor, heading, text in sections
        )
        page = (
            f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title} | Sphere</title></head>'
            f"<body>{MENU}<main><h1>{title}</h1>{body}</main></body></html>"
        )
        builder.page(f"{SITE}{path}", page.encode())
    builder.finish()
    assert ensure_search_index(builder.paths, SNAPSHOT) is not None
    return root


def _search(archives: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run_reader(["search", str(archives), *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def _paths(found: dict[str, Any]) -> list[str]:
    return [hit["url"].removeprefix(SITE) for hit in found["hits"]]


@pytest.mark.parametrize(
    ("query", "first", "others"),
    [
        ("安装", "/zh/docs/v3.4/install/", {"/zh/docs/v3.4/upgrade/#backup"}),
        ("集群", "/zh/docs/v3.4/install/#cluster", {"/zh/docs/v3.4/storage/#classes"}),
        ("创建集群", "/zh/docs/v3.4/install/#cluster", {"/zh/docs/v3.4/storage/#classes"}),
        ("安装集群", "/zh/docs/v3.4/install/#cluster", set()),
        ("云", "/zh/docs/v3.4/upgrade/#backup", set()),
        ("存储类", "/zh/docs/v3.4/storage/#classes", set()),
        ("Linux 安装", "/zh/docs/v3.4/install/", set()),
        ("クラスター", "/ja/docs/v3.4/install/#cluster", set()),
        ("ネットワーク設定", "/ja/docs/v3.4/install/#network", set()),
        ("インストールを開始", "/ja/docs/v3.4/install/#cluster", set()),
        ("클러스터", "/ko/docs/v3.4/install/#cluster", set()),
        ("네트워크를", "/ko/docs/v3.4/install/#network", set()),
        ("설치", "/ko/docs/v3.4/install/", set()),
        ("resizing volume", "/docs/v3.4/storage/#resize", set()),
        ("create clusters", "/docs/v3.4/install/#cluster", {"/docs/v3.3/install/#cluster"}),
        ("storage", "/docs/v3.4/storage/", set()),
        ("ks-installer logs", "/docs/v3.4/install/#verify", set()),
        ("/etc/resolv.conf", "/docs/v3.4/faq/#dns", set()),
    ],
)
def test_real_phrases_find_what_they_should(
    archives: Path, capsys: pytest.CaptureFixture[str], query: str, first: str, others: set[str]
) -> None:
    """The page about it comes first, then those that mention it; menus and footers are not searched."""
    found = _search(archives, capsys, query)
    assert _paths(found)[0] == first
    assert set(_paths(found)[1:]) == others
    assert not found["loose"]
    assert found["total"] == len(found["hits"])


def test_a_search_is_limited_to_version_language_and_site(
    archives: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options leave one version, one language, one doc site; every hit says what it is of."""
    old = _search(archives, capsys, "cluster", "--version", "v3.3")
    assert [(hit["version"], hit["locale"]) for hit in old["hits"]] == [("v3.3", "en")]
    chinese = _search(archives, capsys, "Linux", "--locale", "zh")
    assert [(hit["version"], hit["locale"]) for hit in chinese["hits"]] == [("v3.4", "zh")]
    assert _search(archives, capsys, "cluster", "--source", "elsewhere")["hits"] == []


def test_a_search_that_asks_for_too_much_says_so(archives: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no section has all words, those with most of them are shown, and the terminal tells."""
    assert run_reader(["search", str(archives), "how do I resize a volume with kubectl"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("Persistent storage - Resize volumes\n")
    assert "No section has all of these words" in told


def test_programs_ask_the_server(archives: Path) -> None:
    """The JSON API filters, says what to filter by, names other sections of a page, and answers while somebody types."""
    with serving(archives) as running:

        def ask(**parameters: str) -> dict[str, Any]:
            document: dict[str, Any] = json.loads(running.get(f"/-/search.json?{urlencode(parameters)}").body)
            return document

        found = ask(q="cluster", version="v3.4", locale="en")
        assert [hit["original"] for hit in found["hits"]] == [
            f"{SITE}/docs/v3.4/install/#cluster",
            f"{SITE}/docs/v3.4/storage/#resize",
        ]
        assert found["facets"]["version"] == [{"name": "v3.4", "pages": 8}, {"name": "v3.3", "pages": 1}]
        assert [each["name"] for each in found["facets"]["locale"]] == ["en", "ja", "ko", "zh"]
        install = ask(q="installation", version="v3.4", locale="en")["hits"][0]
        assert install["original"] == f"{SITE}/docs/v3.4/install/"
        assert f"{SITE}/docs/v3.4/install/#verify" in [other["original"] for other in install["others"]]
        assert all(other["url"].startswith("http://127.0.0.1") for other in install["others"])
        for typed in ("installa", "uninstal", "configura", "存", "클러"):
            assert ask(q=typed, typing="1")["hits"], typed
        page = running.get("/-/search?" + urlencode({"q": "安装", "locale": "zh"})).text
        assert "<mark>安装</mark>" in page


def test_a_bundle_carries_the_same_index(
    archives: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is found in the archive is found in the bundle, in the same order."""
    made = build_bundle(open_archive(archives), "sphere", output=tmp_path)
    for query in ("安装", "cluster", "ネットワーク"):
        from_bundle = _search(made.path, capsys, query, "--cache-dir", str(tmp_path / "cache"))
        assert _paths(from_bundle) == _paths(_search(archives, capsys, query))
