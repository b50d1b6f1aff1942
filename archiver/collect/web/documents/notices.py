"""What people write in place of what was there: that it was taken down, was discontinued, or is elsewhere now.

A sentence counts that says so of the site, its documentation or its downloads as a whole, in nine languages. Manuals have
sentences like that about everything else, so finding one proves nothing (``archiver.collect.web.verdicts``).
"""

# ruff: noqa: RUF001 - text of languages that are written so

from __future__ import annotations

import re
from functools import lru_cache

_THINGS = r"(?:documentation|docs|(?:web)? ?sites?|website|wiki|manuals?|portal|projects?|repository|downloads?|download (?:links?|pages?|portal))"
_OURS = r"(?:pages?|contents?|articles?|materials?|services?|products?|resources?)"
_ENDED = (
    r"(?:taken (?:down|offline)|removed|discontinued|withdrawn|retired|shut ?down|sunset(?:ted)?|decommissioned"
    r"|suspended|closed(?: down)?|terminated|archived|pulled|offline)"
)
_LEGAL = r"(?:dmca|copyright|legal (?:reasons?|requests?|demands?|orders?|complaints?|notices?)|court order|cease[- ]and[- ]desist|trademark|take-?down (?:notice|request))"
_ENGLISH = (
    (
        rf"(?:\b(?:this|these|our|all|the)(?: [\w.'-]+){{0,4}}? {_THINGS}|\b(?:this|these|our) {_OURS})\b[^.!?]{{0,60}}?\b"
        rf"(?:(?:has|have|had) been|is|are|was|were|will be|being|went|goes)(?: now| permanently| temporarily| officially| therefore)*"
        rf" (?:{_ENDED}|no longer (?:be )?(?:available|accessible|online|hosted|offered|provided|distributed|published|maintained))\b"
    ),
    rf"\b{_THINGS}\b[^.!?]{{0,40}} (?:are|is|will be) no longer (?:available|accessible|online|hosted|offered|provided|distributed)\b",
    rf"\bwe(?:'ve| have)? (?:now )?(?:shut down|taken down|taken offline|discontinued|retired|suspended|closed|removed)\b[^.!?]{{0,60}}\b{_THINGS}",
    rf"\b(?:suspend|stop|discontinue|cease|end)(?:s|ed|ing)? (?:providing |offering |to provide |the |all |our |free |any )*{_THINGS}\b",
    rf"\b(?:this|these|our|the)(?: [\w.'-]+){{0,3}}? {_THINGS}\b[^.!?]{{0,40}} (?:has|have) (?:been )?(?:moved|migrated|relocated) to\b",
    rf"\b(?:removed|disabled|taken down|unavailable|blocked|withheld|withdrawn)\b[^.!?]{{0,80}}\b{_LEGAL}",
    (
        rf"\b(?:due to|because of|following|in response to|pursuant to|subject to|as the result of)\b[^.!?]{{0,30}}\b{_LEGAL}"
        r"[^.!?]{0,80}\b(?:removed|disabled|taken down|unavailable|blocked|withheld|withdrawn)\b"
    ),
    r"\b(?:this|our|the) (?:[\w.'-]+ ){0,3}?(?:project|product|site|service) has reached (?:its |the )?end of (?:life|service|support)",
)

_ZH_THINGS = (
    r"(?:文档|文檔|官网|官網|网站|網站|站点|站點|本站|本页|本頁|(?:本|此|该)页面|(?:本|此|该|开源|開源)(?:项目|專案|产品|產品)|下载(?:链接|入口|地址|通道|服务)?"
    r"|下載(?:連結|入口|服務)?|社区版|社區版|开源版|開源版|镜像仓库|本服务|本服務|(?:本|此|该|相关)(?:内容|內容))"
)
_ZH_ENDED = (
    r"(?:下线|下線|下架|关闭|關閉|停止(?:服务|服務|维护|維護|运营|營運|更新|提供|访问|开放|下载)|终止|終止|暂停|暫停|移除|删除|刪除|停用"
    r"|归档|歸檔|不再(?:提供|可用|维护|維護|开放|開放|更新|支持))"
)
_ZH_SINCE = r"(?:(?:即日|今日|今天|当日|公告[^。！？，]{0,8}|20\d\d ?年[^。！？，]{1,12})(?:起|日起|之日起)|现已|現已|即将|即將|将于|將於|已于|已於|正式|(?<![自不])已(?:经|經)?)"
_CHINESE = (
    rf"{_ZH_THINGS}[^。！？]{{0,24}}{_ZH_SINCE}[^。！？]{{0,16}}{_ZH_ENDED}",
    rf"{_ZH_SINCE}[^。！？]{{0,24}}{_ZH_ENDED}[^。！？]{{0,24}}{_ZH_THINGS}",
    rf"(?:公告|通知|尊敬的)[^。！？]{{0,200}}{_ZH_ENDED}[^。！？]{{0,12}}{_ZH_THINGS}",
    rf"暂停(?:对外)?开放(?:下载|访问)|{_ZH_THINGS}(?:暂停|停止)(?:对外)?(?:开放|提供)(?:下载|访问)?",
    r"(?:文档|文檔|网站|網站|本站|站点|项目|專案)[^。！？]{0,12}(?:已|现已|現已)(?:迁移|遷移|搬迁|移)(?:至|到)",
    r"(?:因|由于|由於|应|應)[^。！？]{0,20}(?:版权|版權|侵权|侵權|权利人|權利人|法律法规|法律原因)[^。！？]{0,30}(?:移除|删除|刪除|下架|下线|屏蔽|无法访问)",
)

_JA_THINGS = r"(?:ドキュメント|マニュアル|サイト|ページ|サービス|プロジェクト|コンテンツ|製品|ダウンロード|オープンソース版|コミュニティ版)"
_JAPANESE = (
    (
        rf"(?:当|本|この|弊社|全て?の|すべての)?{_JA_THINGS}(?:の(?:公開|提供|配布|掲載|運営|開発|サポート))?(?:は|を)[^。]{{0,40}}"
        r"(?:終了|停止|中止|廃止|閉鎖|削除|非公開)(?:いた|致|し|され|とな|に)"
    ),
    rf"{_JA_THINGS}(?:は|が)[^。]{{0,40}}(?:移転|移動)(?:いた|致|し|され)",
    r"著作権[^。]{0,40}(?:削除|非公開|停止|閲覧できません)",
)

_DE_THINGS = r"(?:(?:diese|die|unsere|das|dieses|unser|der|dieser|den)[rsn]? (?:[\wäöüß-]+ ){0,3}?(?:dokumentation|website|webseite|webpräsenz|seite|seiten|projekt|dienst|inhalt|angebot|handbuch|downloads?|download-bereich))"
_GERMAN = (
    (
        rf"{_DE_THINGS}\b[^.!?]{{0,60}}\b(?:wurden?|wird|werden|ist|sind)\b[^.!?]{{0,40}}\b(?:eingestellt|entfernt|abgeschaltet|gelöscht"
        r"|geschlossen|gesperrt|archiviert|offline|umgezogen|nicht mehr (?:verfügbar|erreichbar|online|angeboten|gepflegt|abrufbar))"
    ),
    rf"{_DE_THINGS}\b[^.!?]{{0,40}}\bsteh(?:t|en)\b[^.!?]{{0,40}}nicht mehr zur verfügung",
    r"aus (?:urheber)?rechtlichen gründen[^.!?]{0,80}(?:entfernt|gesperrt|gelöscht|nicht (?:mehr )?(?:verfügbar|abrufbar))",
    r"(?:entfernt|gesperrt|gelöscht)[^.!?]{0,60}(?:urheberrecht|aus rechtlichen gründen)",
)

_FR_THINGS = r"(?:(?:cette|ce|la|le|les|notre|nos|ces|cet) (?:[\w'-]+ ){0,2}?(?:documentation|site|page|pages|projet|service|contenu|produit|téléchargements?|manuel|portail))"
_FRENCH = (
    (
        rf"{_FR_THINGS}\b[^.!?]{{0,60}}\b(?:a|ont) (?:définitivement |désormais )?(?:été (?:supprimée?s?|retirée?s?|fermée?s?|arrêtée?s?"
        r"|abandonnée?s?|archivée?s?|suspendue?s?|déplacée?s?|mise?s? hors ligne)|déménagé)"
    ),
    (
        rf"{_FR_THINGS}\b[^.!?]{{0,60}}\b(?:n'est|ne sont|n'existe|ne sera|ne seront) (?:désormais )?plus (?:disponibles?|accessibles?|maintenue?s?"
        r"|en ligne|publiée?s?|proposée?s?)"
    ),
    r"(?:supprimée?s?|retirée?s?|indisponibles?|bloquée?s?)[^.!?]{0,60}(?:raisons légales|droits? d'auteur)",
)

_ES_THINGS = r"(?:(?:esta|este|la|el|los|las|nuestra|nuestro|estos|estas) (?:[\w'-]+ ){0,2}?(?:documentación|sitio|página|páginas|proyecto|servicio|contenido|producto|descargas?|manual|portal))"
_SPANISH = (
    (
        rf"{_ES_THINGS}\b[^.!?]{{0,60}}\b(?:ha sido|han sido|fue|fueron|será|se ha|se han|está|están) (?:definitivamente )?(?:eliminad[oa]s?"
        r"|retirad[oa]s?|cerrad[oa]s?|cerrado|descontinuad[oa]s?|discontinuad[oa]s?|archivad[oa]s?|suspendid[oa]s?|trasladad[oa]s?|mudado|movid[oa]s? a)"
    ),
    rf"{_ES_THINGS}\b[^.!?]{{0,40}}\bya no (?:está|están|se encuentra|se encuentran|existe|se mantiene|se ofrece)[nr]?\b",
    r"(?:eliminad[oa]s?|retirad[oa]s?|no disponibles?|bloquead[oa]s?)[^.!?]{0,60}(?:motivos legales|derechos de autor)",
)

_PT_THINGS = r"(?:(?:esta|este|a|o|as|os|nossa|nosso|estes|estas) (?:[\w'-]+ ){0,2}?(?:documentação|site|página|páginas|projeto|serviço|conteúdo|produto|downloads?|manual|portal))"
_PORTUGUESE = (
    (
        rf"{_PT_THINGS}\b[^.!?]{{0,60}}\b(?:foi|foram|será|está|estão) (?:definitivamente )?(?:removid[oa]s?|retirad[oa]s?|encerrad[oa]s?"
        r"|descontinuad[oa]s?|arquivad[oa]s?|suspens[oa]s?|desativad[oa]s?|transferid[oa]s?|movid[oa]s? para)"
    ),
    rf"{_PT_THINGS}\b[^.!?]{{0,40}}\bnão (?:está|estão|é|são) mais (?:disponíve(?:l|is)|acessíve(?:l|is)|mantid[oa]s?|oferecid[oa]s?|no ar)",
    r"(?:removid[oa]s?|retirad[oa]s?|indisponíve(?:l|is))[^.!?]{0,60}(?:motivos legais|direitos autorais)",
)

_RU_THINGS = r"(?:документаци[яию]|сайт|страниц[аы]|проект|сервис|служба|материалы?|контент|загрузк[аи]|продукт|руководство|скачивание)"
_RUSSIAN = (
    (
        rf"{_RU_THINGS}\b[^.!?]{{0,60}}\b(?:(?:был[аио]?|будет|будут|временно|окончательно|навсегда) )*(?:удал[её]н[аыо]?|закрыт[аыо]?|снят[аыо]?"
        r"|прекращ[её]н[аыо]?|прекратил[аи]?|приостановлен[аыо]?|отключ[её]н[аыо]?|недоступ(?:ен|на|ны|но)|перемещ[её]н[аыо]?|переехал[аио]?|перенес[её]н[аыо]?"
        r"|архивирован[аыо]?|больше не (?:доступ(?:ен|на|ны|но)|поддержива[её]тся|предоставля[её]тся|существует|работает))"
    ),
    r"(?:прекраща(?:ем|ет|ется|ются)|приостанавлива(?:ем|ет|ется|ются)) [^.!?]{0,40}(?:документаци|сайт|проект|сервис|загруз|скачивани|поддержк)",
    r"(?:удал[её]н[аыо]?|заблокирован[аыо]?|недоступ(?:ен|на|ны|но))[^.!?]{0,60}(?:правообладател|авторск)",
)

_KO_THINGS = r"(?:문서|사이트|웹사이트|페이지|프로젝트|서비스|콘텐츠|제품|다운로드|오픈소스 버전)"
_KOREAN = (
    rf"{_KO_THINGS}(?:[은는이가를을]|의 (?:제공|공개|운영|지원)[은는이가를을]?)?[^.!?]{{0,30}}(?:종료|중단|폐쇄|삭제|중지|비공개)(?:되었|됐|됩|되어|하였|했|합|할 예정|될 예정|로)",
    rf"{_KO_THINGS}[은는이가를을]?[^.!?]{{0,20}}더 이상 (?:제공|지원|이용|운영|공개|사용)",
    rf"{_KO_THINGS}[은는이가를을]?[^.!?]{{0,30}}(?:으로|로) 이전(?:되었|했|하였|됐|합)",
    r"저작권[^.!?]{0,40}(?:삭제|중단|차단|비공개)",
)

_LANGUAGES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    ((
        "taken down", "taken offline", "offline", "removed", "discontinu", "withdrawn", "retired", "shut", "sunset", "decommission",
        "suspend", "closed", "terminated", "archived", "pulled", "no longer", "moved to", "migrated to", "relocated", "end of ",
        "dmca", "legal ", "copyright", "cease", "court order", "trademark", "takedown", "take-down",
    ), _ENGLISH),
    ((
        "下线", "下線", "下架", "关闭", "關閉", "停止", "终止", "終止", "暂停", "暫停", "移除", "删除", "刪除", "停用", "归档", "歸檔",
        "不再", "迁移", "遷移", "搬迁", "移至", "版权", "版權", "侵权",
    ), _CHINESE),
    (("終了", "停止", "中止", "廃止", "閉鎖", "削除", "非公開", "移転", "移動", "著作権"), _JAPANESE),
    ((
        "eingestellt", "entfernt", "abgeschaltet", "gelöscht", "geschlossen", "gesperrt", "nicht mehr", "umgezogen", "archiviert",
        "offline", "rechtlichen gründen", "urheberrecht",
    ), _GERMAN),
    ((
        "supprim", "retiré", "fermé", "arrêté", "abandonn", "archivé", " plus ", "hors ligne", "déplac", "déménag", "suspendu",
        "raisons légales", "d'auteur",
    ), _FRENCH),
    ((
        "eliminad", "retirad", "cerrad", "continuad", "archivad", "suspendid", "ya no ", "trasladad", "mudado", "movid",
        "motivos legales", "derechos de autor",
    ), _SPANISH),
    ((
        "removid", "retirad", "encerrad", "continuad", "arquivad", "suspens", "desativad", " mais ", "transferid", "movid",
        "direitos autorais", "motivos legais",
    ), _PORTUGUESE),
    ((
        "удал", "закрыт", "прекра", "приостанов", "снят", "отключ", "больше не", "недоступ", "перемещ", "переехал", "перенес",
        "архив", "заблокирован",
    ), _RUSSIAN),
    (("종료", "중단", "폐쇄", "삭제", "더 이상", "이전", "중지", "비공개"), _KOREAN),
)  # fmt: skip
"""For each language stems, one of which is in whatever the expression finds: they are looked for in a tenth of the time."""
_NO_STOP = re.compile(r"(?<=\d)\.(?=\w| \w)")  # of a version, or of a date: no sentence ends there


def tells_of_an_end(text: str) -> bool:
    """Say whether a short text tells that the documentation, the site or its downloads are no more, or elsewhere.

    Args:
        text: at most some thousand characters.
    """
    folded = " ".join(text.lower().replace("\u2019", "'").split())
    found = [patterns for stems, patterns in _LANGUAGES if any(stem in folded for stem in stems)]
    joined = _NO_STOP.sub("", folded) if found else ""
    return any(_expression(patterns).search(joined) for patterns in found)


@lru_cache(maxsize=len(_LANGUAGES))
def _expression(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return the expression of a language once it is asked for: all of them take longer to make than most runs need them."""
    return re.compile("|".join(patterns))
