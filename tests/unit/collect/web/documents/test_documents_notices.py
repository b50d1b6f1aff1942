"""What people write in place of what was there is told from what manuals say of other things."""

# ruff: noqa: RUF001 - text of languages that are written so

from __future__ import annotations

import time

import pytest

from archiver.collect.web.documents.notices import tells_of_an_end

NOTICES = [
    # English
    "This documentation has been taken down. Please contact sales.",
    "Notice. The downloads of the open source edition are no longer available.",
    "Dear users, our website was shut down on 1 August.",
    "This project has been discontinued and the repository is archived.",
    "We have shut down Example Documentation. The beta ran for one year.",
    "From today we suspend the download links of the community edition and stop providing free support.",
    "Our documentation has moved to https://docs.example.com",
    "The Example project documentation site has been migrated to our new portal.",
    "This content has been removed due to a DMCA takedown notice.",
    "Repository unavailable due to DMCA takedown.",
    "In response to a legal request this page has been disabled.",
    "This site is unavailable for legal reasons",
    "The documentation is temporarily offline.",
    "This product has reached its end of life.",
    # Chinese
    "关于产品文档下线的通知 尊敬的用户：自本公告发布之日起，社区版的文档与下载入口将全部下线。",
    "文档已下线",
    "本站已停止服务，感谢您一直以来的支持。",
    "即日起暂停开源版产品的下载链接，并停止提供免费的技术支持。",
    "暂停开放下载",
    "由于业务调整，本网站将于 2025 年 8 月 1 日起关闭。",
    "该项目现已归档，不再维护。项目现已不再维护。",
    "文档已迁移至 https://docs.example.cn/",
    "应版权方要求，因版权问题，该内容已被移除。",
    "本網站已於今日關閉，下載連結不再提供。",
    # Japanese
    "当サイトは2025年8月1日をもちまして閉鎖いたしました。",
    "ドキュメントの公開は終了しました。",
    "このページは移転しました。",
    "著作権者からの申し立てにより削除されました。",
    # German
    "Diese Dokumentation ist nicht mehr verfügbar.",
    "Unser Projekt wurde zum 1. August eingestellt.",
    "Die Downloads der freien Ausgabe stehen ab sofort nicht mehr zur Verfügung.",
    "Der Inhalt wurde aus urheberrechtlichen Gründen entfernt.",
    "Die Webseite ist umgezogen.",
    # French
    "Cette documentation n'est plus disponible.",
    "Le site a été fermé. Merci de votre confiance.",
    "Notre documentation a déménagé.",
    "Page retirée pour des raisons légales.",
    # Spanish
    "Esta documentación ya no está disponible.",
    "El proyecto ha sido descontinuado.",
    "Contenido retirado por motivos legales.",
    # Portuguese
    "Esta documentação não está mais disponível.",
    "O site foi encerrado.",
    "Conteúdo removido por direitos autorais.",
    # Russian
    "Документация больше не доступна.",
    "Сайт закрыт. Спасибо за поддержку.",
    "Проект переехал на новый адрес.",
    "Страница удалена по требованию правообладателя.",
    # Korean
    "문서 서비스가 종료되었습니다.",
    "이 사이트는 더 이상 운영되지 않습니다. 사이트는 더 이상 운영",
    "다운로드가 중단되었습니다.",
    "저작권 침해 신고로 삭제되었습니다.",
]
MANUALS = [
    "The --verbose option has been removed. Use -v instead.",
    "Changed in version 3.12: the asyncore module was removed.",
    "Deprecated since version 1.25: PodSecurityPolicy has been removed from Kubernetes.",
    "How to submit a DMCA takedown notice: describe the work, and send the notice to our agent.",
    "A guide to what happens when we receive a counter notice under copyright law.",
    "When the connection is closed, the callback is called.",
    "Make sure that the service is stopped before you upgrade.",
    "A page that is no longer in the cache is read from disk.",
    "The files are removed when the container is shut down.",
    "Objects that were deleted are archived for 30 days.",
    "This method is no longer available on proxies.",
    "Move the data directory to another disk. The file was moved to /var/lib.",
    "An archived log is no longer needed for recovery.",
    "404 Not Found: the page you are looking for does not exist.",
    "Stops the service and disables it. To stop the server, press Ctrl-C.",
    "Release notes: fixed a bug where downloads were suspended.",
    "Terminates the process. The project is built with make.",
    "如何停止服务：运行 systemctl stop nginx。",
    "下线节点：先驱逐其上的容器组，再删除节点。",
    "停止 kubelet 服务后删除数据目录。",
    "该接口不再支持旧的参数。",
    "关闭文件后，描述符不可用。如果页面已关闭，则不会触发事件。",
    "点击删除按钮，即可删除项目。",
    "文档类型声明",
    "サービスを停止するには、次のコマンドを実行します。",
    "ページを削除する方法",
    "ファイルは移動されません。",
    "Der Dienst wird mit systemctl gestartet. Die Datei wurde entfernt.",
    "Le fichier a été supprimé. Le service est démarré au lancement.",
    "El archivo ha sido eliminado. La página web se genera con Sphinx.",
    "O arquivo foi removido. A página é gerada por Sphinx.",
    "Файл удалён. Страница памяти выгружена на диск.",
    "서비스를 중지하려면 다음 명령을 실행합니다. 파일이 삭제됩니다.",
]


@pytest.mark.parametrize("text", NOTICES)
def test_notices_of_an_end_are_told(text: str) -> None:
    """Taken down, discontinued, withdrawn for legal reasons or elsewhere now: in nine languages."""
    assert tells_of_an_end(text)


@pytest.mark.parametrize("text", MANUALS)
def test_manuals_say_other_things(text: str) -> None:
    """That options, files and nodes are removed, stopped or moved is no notice; nor is a guide to takedown notices."""
    assert not tells_of_an_end(text)


@pytest.mark.parametrize(
    "piece", ["the a b c d ", "this documentation ", "文档已", "removed ", "documentation is ", "公告"]
)
def test_hostile_text_takes_little_time(piece: str) -> None:
    """What is looked at is short, and no beginning of a notice repeated in it costs more than some milliseconds."""
    text = (piece * 3200)[:3200]
    begun = time.process_time()
    tells_of_an_end(text + " removed")
    assert time.process_time() - begun < 1
